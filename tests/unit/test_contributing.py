"""Every path, symbol, module and make target that CONTRIBUTING.md names exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODES = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))))
SUFFIX = r"(?:py|md|yaml|toml|lock)"
PATHS = [code for code in CODES if re.fullmatch(rf"[\w./-]+/|[\w./-]+\.{SUFFIX}", code) and "NAME" not in code]
SYMBOLS = sorted(
    {(symbol, path) for path, symbol in re.findall(r"`([\w/]+\.py):([\w.]+)`", TEXT)}
    | set(re.findall(r"`([\w.]+)`\s(?:in|of)\s`([\w/]+\.py)`", TEXT))
    | set(re.findall(r"`([\w.]+)`\s\(`([\w/]+\.py)`\)", TEXT))
)
BARE_SYMBOLS = [code for code in CODES if re.fullmatch(r"[A-Z][A-Za-z]*[a-z]\w*|_[a-z]{4}\w+|_?[A-Z][A-Z_]+", code)]
"""Classes, constants and private functions: one of the modules that the text names defines each."""
MODULES = sorted(set(re.findall(r"\b(?:bench|tables|tools)\.[a-z_]+\b(?!\.)", TEXT)))
COMMANDS = [*CODES, *re.findall(r"^make .*", TEXT, re.MULTILINE)]
TARGETS = sorted(set(re.findall(r"make ([a-z][a-z-]*)", " ".join(COMMANDS))))
LINKS = sorted(set(re.findall(r"\]\(([^)#]+)", TEXT)))


@cache
def symbols_of(path: str) -> frozenset[str]:
    """Names of a module's top level and ``Class.member``."""
    return frozenset(_names(ast.parse((ROOT / path).read_text(encoding="utf-8")).body))


def _names(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body, f"{prefix}{node.name}.")
        if isinstance(node, ast.Assign):
            yield from (prefix + target.id for target in node.targets if isinstance(target, ast.Name))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield prefix + node.target.id


def test_the_recipes_name_what_is_checked() -> None:
    assert len(PATHS) >= 20
    assert len(SYMBOLS) + len(BARE_SYMBOLS) >= 20
    headings = re.findall(r"^## An? (.+)$", TEXT, re.MULTILINE)
    kinds = "source, raw format, signal or a reward, measure, feature, table, step, ranker family"
    assert headings == kinds.split(", ")


@pytest.mark.parametrize("path", PATHS)
def test_every_path_exists(path: str) -> None:
    assert (ROOT / path).exists(), f"CONTRIBUTING.md names {path}, which does not exist"


@pytest.mark.parametrize(("symbol", "path"), SYMBOLS)
def test_every_symbol_exists(symbol: str, path: str) -> None:
    assert symbol in symbols_of(path), f"CONTRIBUTING.md names {symbol} in {path}, which does not define it"


@pytest.mark.parametrize("symbol", BARE_SYMBOLS)
def test_every_symbol_is_in_a_module_that_is_named(symbol: str) -> None:
    modules = {path for path in PATHS if path.endswith(".py")} | {path for _, path in SYMBOLS}
    assert any(symbol in symbols_of(path) for path in modules), f"no module that CONTRIBUTING.md names defines {symbol}"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_exists(module: str) -> None:
    if module != "tables.MODULE":
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("link", LINKS)
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
