"""Tiny raw logs and the source that maps them, for tests of ingest."""

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from rich.console import Console

from ingest.fact_tables import count_reasons
from ingest.readers import locate, read_raw
from ingest.row_validation import validate_rows
from ingest.source_config import Source
from jobs.runtime.progress import Progress
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from longplay.config.strict_model import validate_model
from longplay.registry.registry import default_registry

OBSERVED_AT = datetime(2026, 5, 12, tzinfo=UTC)
HEADER = ("who", "what", "when", "how", "much")

SHOP: dict[str, Any] = {
    "name": "shop",
    "about": "Plays of songs.",
    "format": {"type": "csv"},
    "events": {
        "user": "who",
        "item": "what",
        "time": {"column": "when"},
        "kind": {"column": "how"},
        "kinds": ["play", "tap", "skip"],
        "amount": {"column": "much", "unit": "s"},
        "consumption": {"kinds": ["play"], "min_amount": 30},
        "click": {"kinds": ["tap"]},
        "negative": {"kinds": ["skip"]},
    },
    "candidates": {"per_request": 2, "uniform_share": 0.5, "seed": 7},
    "quarantine_limit": 1.0,
}

RADIO: dict[str, Any] = {
    "name": "radio",
    "about": "Plays, and what was shown.",
    "format": {"type": "csv"},
    "events": SHOP["events"] | {"path": "events.csv", "key": ["who", "what", "when"]},
    "exposures": {
        "path": "shown.csv",
        "user": "who",
        "item": "what",
        "time": {"column": "when"},
        "key": ["slate", "what"],
        "request": "slate",
        "surface": "page",
        "position": "place",
        "policy": "policy",
        "propensity": "chance",
    },
    "quarantine_limit": 1.0,
}
EPISODES: dict[str, Any] = {
    "path": "out.csv",
    "item": "what",
    "episode": "episode",
    "season": "season",
    "season_episodes": "size",
    "time": {"column": "when"},
    "known": {"delay": "2 h"},
}
SHOWN = ("who", "what", "when", "slate", "page", "place", "policy", "chance")


def build_source(base: Mapping[str, Any] = SHOP, **changes: Any) -> Source:
    """The source ``base`` with some keys changed; ``events__time`` reaches into ``events``, None removes a key."""
    data = copy.deepcopy(dict(base))
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = data
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[key]
        else:
            place[key] = value
    return validate_model(Source, data, "a source of the tests")


def write_csv(path: Path, rows: Sequence[str], header: Sequence[str] | None = HEADER, sep: str = ",") -> Path:
    """A text file with one row a line; ``None`` as header writes none."""
    lines = [*([sep.join(header)] if header else []), *rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def judged(spark: SparkSession, path: Path, source: Source, observed_at: datetime = OBSERVED_AT) -> DataFrame:
    """The judged rows of an events log, cached as ingest caches them."""
    raw = read_raw(spark, locate(path, source.events), source, source.events)
    return validate_rows(raw, source, source.events, observed_at).persist()


def counts(spark: SparkSession, path: Path, source: Source) -> dict[str, int]:
    """Rows read, clean, and the raw and exclusive counts of reasons that hit any row."""
    counts_by_reason = count_reasons(judged(spark, path, source), source.events)
    assert (
        sum(n for name, n in counts_by_reason.items() if name.startswith("exclusive:")) + counts_by_reason["clean"]
        == counts_by_reason["read"]
    )
    return {name: n for name, n in counts_by_reason.items() if n or name in ("read", "clean")}


def open_run(spark: SparkSession, root: Path, source: Source, *overrides: str, force: bool = False) -> RunContext:
    """A run context on the session of the tests, which prints nothing on the terminal."""
    settings = load_settings(overrides=overrides)
    progress = Progress(console=Console(file=StringIO()))
    context = RunContext(settings, source, default_registry(), root, force, progress)
    context.session = spark
    return context


def progress_text(context: RunContext) -> str:
    """All lines that a run has reported so far."""
    return "\n".join(line for lines in context.progress.notes.values() for line in lines)
