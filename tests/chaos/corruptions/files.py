"""Corruptions of files, as an interrupted or wrong transfer leaves them."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from tests.chaos.corruptions.catalogue import files


def _cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _shift_heartbeat(folder: Path, **days: float) -> None:
    path = folder / "_delivery.json"
    heartbeat = json.loads(path.read_text(encoding="utf-8"))
    for name, shift in days.items():
        heartbeat[name] = (datetime.fromisoformat(heartbeat[name]) + timedelta(days=shift)).isoformat()
    path.write_text(json.dumps(heartbeat), encoding="utf-8")


@files("the log cannot be read")
def a_truncated_file(folder: Path) -> None:
    """The transfer of the events stopped at 60%."""
    _cut(folder / "events.parquet", 0.6)


@files("the log is empty")
def an_empty_file(folder: Path) -> None:
    """The file of the exposures is empty."""
    (folder / "exposures.parquet").write_bytes(b"")


@files("the log is missing")
def a_missing_file(folder: Path) -> None:
    """The file of the exposures was not delivered."""
    (folder / "exposures.parquet").unlink()


@files("the log cannot be read")
def an_error_page(folder: Path) -> None:
    """The file of the events is a web server's error page."""
    (folder / "events.parquet").write_text("<html><body><h1>502 Bad Gateway</h1></body></html>", encoding="utf-8")


@files("the log cannot be read")
def flipped_bytes(folder: Path) -> None:
    """A bad disk: some bytes in the middle of the events have changed."""
    path = folder / "events.parquet"
    content = bytearray(path.read_bytes())
    for position in range(len(content) // 10, len(content) * 9 // 10, 997):
        content[position] ^= 0xFF
    path.write_bytes(bytes(content))


@files("the heartbeat is missing")
def no_heartbeat(folder: Path) -> None:
    """The delivery does not claim any completeness."""
    (folder / "_delivery.json").unlink()


@files("the heartbeat cannot be read")
def a_heartbeat_cut_off(folder: Path) -> None:
    """The heartbeat is truncated."""
    _cut(folder / "_delivery.json", 0.5)


@files("freshness: known times and heartbeat disagree")
def yesterdays_heartbeat(folder: Path) -> None:
    """The heartbeat is that of the day before."""
    _shift_heartbeat(folder, complete_from=-1, complete_until=-1, observed_at=-1)


@files("freshness: the newest rows are far from the claimed completeness")
def a_heartbeat_a_week_ahead(folder: Path) -> None:
    """The heartbeat claims a week that has not happened."""
    _shift_heartbeat(folder, complete_until=7, observed_at=7)


@files("freshness: the log stops being complete")
def a_heartbeat_with_a_gap(folder: Path) -> None:
    """The heartbeat begins a day later than the last one ended."""
    _shift_heartbeat(folder, complete_from=0.9)
