"""Parses the pages of a site strictly: every element must be closed, in order."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "input", "link", "br", "hr", "img"}


@dataclass
class Element:
    """An element, its attributes, its own text and its children."""

    tag: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)

    def all(self, *tags: str) -> list["Element"]:
        """Every element below, of some tags or of any, in the order of the page."""
        elements = []
        for child in self.children:
            elements += [child] if not tags or child.tag in tags else []
            elements += child.all(*tags)
        return elements

    @property
    def text(self) -> str:
        """All text in it, with single spaces."""
        return " ".join(self.raw.split())

    @property
    def raw(self) -> str:
        """All text in it, unchanged."""
        return "".join(part if isinstance(part, str) else part.raw for part in self._order)

    def __post_init__(self) -> None:
        self._order: list[str | Element] = []


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> names an attribute twice"
        node = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        self.open[-1]._order.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}> in line {self.getpos()[0]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1]._order.append(data)


def read(file: Path) -> Element:
    """The page of a file.

    Raises:
        AssertionError: when an element is left open, or closed out of order.
    """
    builder = _Builder()
    builder.feed(file.read_text(encoding="utf-8"))
    builder.close()
    assert builder.open == [builder.root], f"left open: {[element.tag for element in builder.open[1:]]}"
    return builder.root


def by_id(page: Element, name: str) -> Element:
    """The element of an id."""
    return next(element for element in page.all() if element.attributes.get("id") == name)


def rows(table: Element) -> list[list[str]]:
    """The text of a table's body, cell by cell."""
    return [[cell.text for cell in row.all("th", "td")] for body in table.all("tbody") for row in body.all("tr")]


def captioned(page: Element, start: str) -> list[list[str]]:
    """The body of the table whose caption begins with ``start``."""
    tables = [t for t in page.all("table") if any(c.text.startswith(start) for c in t.all("caption"))]
    assert tables, f"no table of '{start}'"
    return rows(tables[0])
