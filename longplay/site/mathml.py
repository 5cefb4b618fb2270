"""Small builders of MathML. Everything that goes in is escaped."""

from markupsafe import Markup


def one(condition: Markup) -> Markup:
    """1 where a condition holds, else 0."""
    return row(number(1), sign("["), condition, sign("]"))


def row(*parts: Markup) -> Markup:
    """Parts beside each other."""
    return Markup("<mrow>{}</mrow>").format(Markup("").join(parts))


def sub(base: Markup, index: Markup) -> Markup:
    """A base with an index below."""
    return Markup("<msub>{}{}</msub>").format(base, index)


def name(letters: str) -> Markup:
    """A variable."""
    return Markup("<mi>{}</mi>").format(letters)


def number(value: object) -> Markup:
    """A number."""
    return Markup("<mn>{}</mn>").format(value)


def sign(symbol: str) -> Markup:
    """An operator or a bracket, in one size."""
    return Markup('<mo stretchy="false">{}</mo>').format(symbol)


def gap() -> Markup:
    """A little space."""
    return Markup('<mspace width="0.3em"></mspace>')


def text(words: str) -> Markup:
    """Words inside a formula."""
    return Markup("<mtext>{}</mtext>").format(words)
