"""Tables of pipeline steps in the documentation, generated from ``longplay.pipeline`` between markers.

A page asks for a table by a line ``<!-- steps: COLUMNS -->``, with the columns separated by commas, and ends it by
``<!-- end of steps -->``. With ``reads`` or ``publishes`` among the columns, steps without tables are left out.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from longplay.pipeline import STEPS, PipelineStep

ROOT = Path(__file__).parents[1]
_MARKED = re.compile(r"(<!-- steps: ([a-z, ]+) -->\n).*?(<!-- end of steps -->)", re.DOTALL)


def fill_step_tables(root: Path = ROOT) -> dict[Path, str]:
    """The text of every page with step tables, filled in anew, by its path."""
    texts = {page: page.read_text(encoding="utf-8") for page in [root / "README.md", *root.glob("docs/**/*.md")]}
    return {page: _MARKED.sub(_fill, text) for page, text in sorted(texts.items()) if _MARKED.search(text)}


def find_stale_pages(root: Path = ROOT) -> list[str]:
    """Pages whose step tables differ from the pipeline, relative to ``root``."""
    filled = fill_step_tables(root)
    return [str(page.relative_to(root)) for page, text in filled.items() if page.read_text(encoding="utf-8") != text]


def _fill(marked: re.Match[str]) -> str:
    columns = [column.strip() for column in marked[2].split(",")]
    table = "\n".join(_table(columns))
    return f"{marked[1]}{table}\n{marked[3]}"


def _table(columns: list[str]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' for _ in columns)} |"
    is_about_tables = bool({"reads", "publishes"} & set(columns))
    for step in STEPS:
        if not is_about_tables or step.reads or step.publishes:
            cells = _cells(step)
            yield f"| {' | '.join(cells[column] for column in columns)} |"


def _cells(step: PipelineStep) -> dict[str, str]:
    return {
        "step": str(step.number or ""),
        "command": f"`longplay {step.name}`",
        "what it does": step.help,
        "reads": _list(step.reads, step.other_input),
        "publishes": _list(step.publishes, step.other_output),
    }


def _list(tables: tuple[str, ...], other: str) -> str:
    return ", ".join([*(f"`{table}`" for table in tables), *([other] if other else [])])
