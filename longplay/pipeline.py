"""The line of steps: which makes which tables from which. What is downstream of a fault waits for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step: its command, the tables that it reads, and those that it publishes, in order."""

    name: str
    reads: tuple[str, ...]
    publishes: tuple[str, ...]


_FACTS = ("events", "exposures")
_TILES = ("user_days", "item_days", "user_item_days", "item_exposure_days", "sequences")
_PROGRESSIVE = ("progressive_priors", "progressive_sums", "progressive_estimates")
LINE: tuple[Step, ...] = (
    Step("ingest", (), ("events", "quarantine", "episodes", "first_seen", "exposures", "deliveries")),
    Step("quality release", ("quarantine",), ("quarantine_releases",)),
    Step("build-histories", (*_FACTS, "deliveries"), _TILES),
    Step("build-features", (*_FACTS, "first_seen", "deliveries", *_TILES[1:4]), ("exposure_features", "item_features")),
    Step("build-signals", (*_FACTS, "episodes", "deliveries"), ("signal_values",)),
    Step("build-progressive", (*_FACTS, "deliveries"), _PROGRESSIVE),
    Step(
        "release",
        (*_FACTS, "first_seen", *_TILES, "exposure_features", "item_features", "signal_values"),
        ("releases",),
    ),
    Step(
        "build-training-set",
        ("releases", "exposures", "exposure_features", "item_features", "signal_values"),
        ("training_set",),
    ),
    Step("train", ("training_set", "sequences"), ()),
    Step("deploy", ("training_set", "item_days", "sequences"), ()),
    Step("verdict", ("releases", "training_set"), ()),
)
"""Every step that reads or publishes tables, in order."""


def step_of(table: str) -> str:
    """The step that publishes a table; nothing for one of which the line does not know."""
    return next((step.name for step in LINE if table in step.publishes), "")


def waits_for(table: str, is_stopped: bool = True) -> tuple[list[str], list[str]]:
    """Tables and steps that wait for a table, directly or through others, in the order of the line.

    Args:
        table: which table.
        is_stopped: its step stopped at it, so that those of its tables that come after it wait, too.
    """
    tables, steps = {table}, []
    for step in LINE:
        if table in step.publishes:
            tables |= set(step.publishes[step.publishes.index(table) + 1 :]) if is_stopped else set()
        elif tables & set(step.reads):
            tables |= set(step.publishes)
            steps.append(step.name)
    order = [name for step in LINE for name in step.publishes]
    return [name for name in order if name in tables - {table}], steps


def blocked_by(faulty: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """The faulty tables that each other table waits for."""
    found: dict[str, list[str]] = {}
    for fault in faulty:
        for table in waits_for(fault)[0]:
            found.setdefault(table, []).append(fault)
    return found
