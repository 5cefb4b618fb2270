"""Corruptions of CSV deliveries that only text can have."""

from pathlib import Path

from tests.chaos.corruptions.catalogue import Day, files, rows
from tests.chaos.corruptions.identities import changed


def _lines(folder: Path) -> tuple[Path, list[str]]:
    path = folder / "events.csv"
    return path, path.read_text(encoding="utf-8").splitlines(keepends=True)


@files("volume against history; malformed rows", text=True)
def a_text_cut_off(folder: Path) -> None:
    """The transfer of the events stopped at 60%, in the middle of a row."""
    path = folder / "events.csv"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.6)])


@files("the log cannot be read: columns are missing", text=True)
def a_header_missing(folder: Path) -> None:
    """The first line is a data row."""
    path, lines = _lines(folder)
    path.write_text("".join(lines[1:]), encoding="utf-8")


@files("the log cannot be read: columns are missing", text=True)
def another_delimiter(folder: Path) -> None:
    """Fields are separated by semicolons."""
    path, lines = _lines(folder)
    path.write_text("".join(lines).replace(",", ";"), encoding="utf-8")


@files("the log cannot be read: columns are missing", text=True)
def another_encoding(folder: Path) -> None:
    """The file is UTF-16."""
    path, lines = _lines(folder)
    path.write_text("".join(lines), encoding="utf-16")


@files("quarantine: the wrong values in the columns", text=True)
def fields_out_of_order(folder: Path) -> None:
    """The header is unchanged, but rows begin with their second field and end with their first."""
    path, lines = _lines(folder)
    moved = [",".join([*line.rstrip("\n").split(",")[1:], line.split(",")[0]]) + "\n" for line in lines[1:]]
    path.write_text("".join([lines[0], *moved]), encoding="utf-8")


@files("quarantine limit: malformed rows", text=True)
def a_stray_delimiter(folder: Path) -> None:
    """A tenth of the rows have an extra field."""
    path, lines = _lines(folder)
    more = [line.replace(",", ",,", 1) if n % 10 == 5 else line for n, line in enumerate(lines)]
    path.write_text("".join(more), encoding="utf-8")


@files("volume against history; malformed rows", text=True)
def a_quote_never_closed(folder: Path) -> None:
    """An item's name opens a quote that is never closed, and swallows the rest."""
    path, lines = _lines(folder)
    middle = len(lines) // 3
    lines[middle] = lines[middle].replace(',"', ',"""', 1)
    path.write_text("".join([*lines[:middle], '"' + lines[middle], *lines[middle + 1 :]]), encoding="utf-8")


@files("quarantine: header among the rows; duplicates", text=True)
def two_files_in_one(folder: Path) -> None:
    """The file was written twice, header and all."""
    path, lines = _lines(folder)
    path.write_text("".join([*lines, *lines]), encoding="utf-8")


@rows("quarantine limit: bad_time or future_time", text=True)
def day_and_month_swapped(day: Day) -> Day:
    """Dates are written year, day, month."""
    return _times(day, lambda t: f"{t:%Y-%d-%m}T{t:%H:%M:%S}+00:00")


@rows("quarantine limit: bad_time", text=True)
def times_the_american_way(day: Day) -> Day:
    """Times are written 03/29/2024 06:05 PM."""
    return _times(day, lambda t: f"{t:%m/%d/%Y %I:%M %p}")


@rows("quarantine limit: bad_amount", text=True)
def decimal_commas(day: Day) -> Day:
    """Amounts are written 211,0."""
    text = day.events["seconds"].map(lambda s: f"{s:.1f}".replace(".", ","), na_action="ignore")
    return Day(**{**vars(day), "events": day.events.assign(seconds=text.astype("string[pyarrow]"))})


@rows("new users against history", text=True)
def umlauts_twice_encoded(day: Day) -> Day:
    """Ids are UTF-8 that was read as Latin-1 and written again."""
    return changed(day, "user", lambda ids: ids.str.replace("u", "\u00c3\u00bc"))


def _times(day: Day, write) -> Day:
    times = {c: day.events[c].map(write).astype("string[pyarrow]") for c in ("ts", "ingest_ts")}
    return Day(**{**vars(day), "events": day.events.assign(**times)})
