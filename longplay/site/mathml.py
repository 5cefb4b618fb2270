"""Renders formulas as MathML from a plain notation. All input is escaped.

The notation is a line of tokens. ``y`` and ``t_e`` are variables (the latter with an index), ``14`` is a number,
``"days of w"`` is text (quoted as in JSON), and ``~`` is a small space. An index can also be text or a number. Any
other character is an operator or a bracket.
"""

import json
import re

from markupsafe import Markup

_TEXT, _NUMBER = r'"(?:[^"\\]|\\.)*"', r"\d+(?:\.\d+)?"
_ATOM = rf"{_TEXT}|{_NUMBER}|[A-Za-z]"
_TOKEN = re.compile(rf"(?P<base>{_ATOM}|∑)(?:_(?P<index>{_ATOM}))?|(?P<sign>\S)")


def render_formula(notation: str) -> Markup:
    """Render a formula as one row of MathML."""
    return Markup("<mrow>{}</mrow>").format(Markup("").join(map(_render_token, _TOKEN.finditer(notation))))


def quote(text: str) -> str:
    """Quote text for the notation."""
    return json.dumps(text, ensure_ascii=False)


def _render_token(token: re.Match[str]) -> Markup:
    if token["sign"] == "~":
        return Markup('<mspace width="0.3em"></mspace>')
    if token["sign"]:
        return _render_atom(token["sign"])
    base = _render_atom(token["base"])
    if token["index"] is None:
        return base
    return Markup("<msub>{}{}</msub>").format(base, _render_atom(token["index"]))


def _render_atom(atom: str) -> Markup:
    if atom.startswith('"'):
        return Markup("<mtext>{}</mtext>").format(json.loads(atom))
    if atom[0].isdigit():
        return Markup("<mn>{}</mn>").format(atom)
    if atom.isalpha() and atom.isascii():
        return Markup("<mi>{}</mi>").format(atom)
    return Markup('<mo stretchy="false">{}</mo>').format(atom)
