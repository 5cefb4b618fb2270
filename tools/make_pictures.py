"""Pictures of the README: a chart of the report and the charts of a signal's page, as SVG files of their own.

Run ``make demo``, then ``longplay catalogue``, then ``python -m tools.make_pictures``.
"""

import re
from pathlib import Path

import click

from longplay.errors import NotFoundError

_SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_NESTED_SVG = re.compile(r"<svg\b(?:(?!<svg\b).)*?(?:<svg\b.*?</svg>.*?)*</svg>", re.DOTALL)
_COLOUR = re.compile(r"(--[\w-]+): (#[0-9a-f]{6})")
_WIDTH, _AXIS_WIDTH, _PLOT_HEIGHT = 640, 40, 168
_SIGNAL_CSS = """
text {{ font: 12px system-ui, sans-serif; fill: {--soft}; }} text.name {{ fill: {--ink}; font-size: 13px; }}
.rule {{ stroke: {--grid}; }} .mark {{ stroke: {--edge}; stroke-dasharray: 3 3; }} .track {{ fill: {--panel}; }}
.window {{ fill: {--bar}; }} .ripe {{ fill: {--mature}; }} .late {{ fill: {--open}; }} .credit {{ fill: {--void-1}; }}
.back {{ fill: {--void-0}; }} .anchor {{ fill: {--ink}; }}
.line {{ fill: none; stroke: {--bar}; stroke-width: 2; vector-effect: non-scaling-stroke; }}
"""


def draw_report(page: str) -> str:
    """The survival curves of a report's page, as a picture of its own in the light colours of the page."""
    figure = next((svg for svg in _SVG.findall(page) if 'id="survival' in svg), None)
    if figure is None:
        raise NotFoundError("The report has no survival curves.", fix="run 'make demo' first")
    colours = _light_colours(page)
    figure = re.sub(r"var\((--[\w-]+)\)", lambda name: colours[name[1]], figure)
    figure = figure.replace("currentColor", colours["--ink"])
    return _add_background(figure, colours["--paper"])


def draw_signal(page: str, source: str) -> str:
    """The timeline and the delay curve of a signal's page, one below the other."""
    charts = _NESTED_SVG.findall(page)
    timeline = next((svg for svg in charts if 'id="timeline"' in svg), None)
    places = [
        place for place, svg in enumerate(charts) if re.search(rf'id="s\d+-delay".*, {source}</title>', svg, re.S)
    ]
    if timeline is None or not places:
        raise NotFoundError("The page has no timeline or no delay curve.", got=source, fix="run 'make demo' first")
    axis, curve = charts[places[0] - 1], charts[places[0]]
    timeline_height = int(re.findall(r'height="(\d+)"', timeline)[0])
    caption = re.findall(r"<desc[^>]*>(.*?)</desc>", curve, re.DOTALL)[0]
    plot_top = timeline_height + 48
    colours = _light_colours(page)
    inner = [
        f"<style>{_SIGNAL_CSS.format_map(colours)}</style>",
        _place(timeline, 0, 8, _WIDTH - 16, timeline_height),
        f'<text class="name" x="0" y="{plot_top - 12}">{caption}</text>',
        _place(axis, 0, plot_top, _AXIS_WIDTH, _PLOT_HEIGHT),
        _place(curve, _AXIS_WIDTH, plot_top, _WIDTH - _AXIS_WIDTH - 16, _PLOT_HEIGHT),
    ]
    height = plot_top + _PLOT_HEIGHT + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {_WIDTH + 12} {height}" width="{_WIDTH}">'
    return _add_background("\n".join([head, *inner, "</svg>"]), colours["--paper"])


def _light_colours(page: str) -> dict[str, str]:
    root = page[page.index(":root {") : page.index("@media")]
    return dict(_COLOUR.findall(root))


def _place(svg: str, x: int, y: int, width: int, height: int) -> str:
    """The same chart at a place and of a size inside another picture."""
    head = f'<svg x="{x}" y="{y}" width="{width}" height="{height}" overflow="visible">'
    return re.sub(r"^<svg[^>]*>", head, svg, count=1)


def _add_background(svg: str, colour: str) -> str:
    return re.sub(r"^(<svg[^>]*>)", rf'\1<rect x="-12" width="200%" height="100%" fill="{colour}"/>', svg, count=1)


@click.command()
@click.option("--report", type=click.Path(path_type=Path), default=Path("warehouse/world/report.html"))
@click.option(
    "--signal-page", type=click.Path(path_type=Path), default=Path("catalogue/signals/return_to_item_14d.v1.html")
)
@click.option("--source", default="world", show_default=True, help="The source whose delay curve is shown.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/pictures"), show_default=True)
def main(report: Path, signal_page: Path, source: str, out: Path) -> None:
    """Write report.svg and signal.svg from a report and a page of the catalogue."""
    pictures = {
        "report.svg": draw_report(report.read_text(encoding="utf-8")),
        "signal.svg": draw_signal(signal_page.read_text(encoding="utf-8"), source),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures.items():
        (out / name).write_text(re.sub(r"[ \t]+\n", "\n", svg) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
