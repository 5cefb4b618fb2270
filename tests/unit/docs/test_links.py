"""Every relative link of a page leads to a file of the repository, and to a heading that is there."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.pages import FENCE, ROOT, list_pages, strip_code

LINK = re.compile(r"\]\(([^)\s]+)\)")
HTML_LINK = re.compile(r'(?:src|href)="([^"]+)"')
FOLDERS = (
    "bench client conf docs experiments features ingest jobs longplay quality rankers signals tables tests tools worlds"
)
CODE_PATH = re.compile(rf"`((?:{FOLDERS.replace(' ', '|')})/[\w./]*)`")
UNCHECKED = ("docs/log.md", "docs/adr/", "CHANGELOG.md", "CONTRIBUTING.md")
"""Pages that name the code as it once was, and one with a test of its own."""
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def heading_anchors(page: Path) -> set[str]:
    """The fragments by which a page's headings are reached, as GitHub makes them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def broken_links(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    text = strip_code(page.read_text(encoding="utf-8"))
    broken = []
    for link in [*LINK.findall(text), *HTML_LINK.findall(text)]:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (fragment and fragment not in heading_anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_resolve(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_code_named_in_a_page_exists(page: Path) -> None:
    if str(page.relative_to(ROOT)).startswith(UNCHECKED):
        return
    paths = CODE_PATH.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_page_of_the_docs_is_reached_from_the_map() -> None:
    """From docs/README.md, over links between pages."""
    start = ROOT / "docs" / "README.md"
    reached, pending = set(), [start]
    while pending:
        page = pending.pop()
        if page in reached:
            continue
        reached.add(page)
        paths = [link.partition("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8"))]
        pending += [(page.parent / path).resolve() for path in paths if path.endswith(".md") and ":" not in path]
    assert {page for page in list_pages() if page.is_relative_to(ROOT / "docs")} <= reached
