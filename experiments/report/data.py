"""The content of a report as plain frozen data, with a lossless form in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from experiments.analysis.verdict import PooledFamily, Verdict
from longplay.errors import InputError

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class RankerRow:
    """One ranker's offline metrics.

    Attributes:
        name: e.g. ``xgboost-return``; the same name as its deployment arm.
        family: name of its family, see rankers.models.families.
        label: what it was trained on; empty for a baseline.
        metrics: as rankers.evaluation.evaluate gives them: ``ndcg_at_10_<label>`` with ``_lo`` and ``_hi``, coverage.
    """

    __pydantic_config__ = _CLOSED
    name: str
    family: str
    label: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class IngestCount:
    """Number of raw rows of one table with one outcome.

    Attributes:
        table: events or exposures.
        reason: accepted, or why rows were quarantined.
        raw: rows to which the reason applies.
        exclusive: rows counted under this reason only; these add up to the rows read.
    """

    __pydantic_config__ = _CLOSED
    table: str
    reason: str
    raw: int
    exclusive: int


@dataclass(frozen=True)
class SignalMaturity:
    """Number of a signal's values in each state at this release."""

    __pydantic_config__ = _CLOSED
    signal: str
    open: int
    mature: int
    void: int


@dataclass(frozen=True)
class StepTime:
    """Wall-clock time of one step of the run, in seconds."""

    __pydantic_config__ = _CLOSED
    step: str
    seconds: float


@dataclass(frozen=True)
class TableVersion:
    """One table of the release, with its version and number of rows."""

    __pydantic_config__ = _CLOSED
    table: str
    version: int
    rows: int


@dataclass(frozen=True)
class DefinitionHash:
    """One definition (signal, source, feature view) with the hash over its fields that affect data."""

    __pydantic_config__ = _CLOSED
    name: str
    hash: str


@dataclass(frozen=True)
class ReportInput:
    """The input of a report. The report leaves out empty sections, and lists them.

    Attributes:
        title: heading.
        source: description of the log.
        release_id: the release that everything was read from.
        run_id: the run that wrote it.
        created_at: ISO time of the run; the report reads no clock.
        click_label: label of the click metrics.
        return_label: label of the return metrics.
        facts: a few facts about the data, shown unchanged.
        rankers: offline metrics.
        verdict: outcome of the deployment; None without one.
        pooled: survival differences over several worlds.
        ingest: counts by reason.
        maturity: states of each signal.
        steps: duration of each step.
        tables: table versions of the release.
        definitions: hashes of the definitions.
        caveats: limits of these results, in addition to the general ones.
    """

    __pydantic_config__ = _CLOSED
    title: str
    source: str
    release_id: str
    run_id: str
    created_at: str
    click_label: str = "click"
    return_label: str = "return_to_item_14d"
    facts: Mapping[str, str] = field(default_factory=dict)
    rankers: tuple[RankerRow, ...] = ()
    verdict: Verdict | None = None
    pooled: tuple[PooledFamily, ...] = ()
    ingest: tuple[IngestCount, ...] = ()
    maturity: tuple[SignalMaturity, ...] = ()
    steps: tuple[StepTime, ...] = ()
    tables: tuple[TableVersion, ...] = ()
    definitions: tuple[DefinitionHash, ...] = ()
    caveats: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ReportInput":
        """Read nested dicts and lists.

        Raises:
            InputError: a key is unknown or missing, or a value has the wrong type.
        """
        try:
            return _ADAPTER.validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"This is not a valid report: {first['msg']}.", where=where, got=str(first["input"])[:80]
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Nested dicts and lists, ready for JSON."""
        dumped: dict[str, Any] = _ADAPTER.dump_python(self, mode="json", by_alias=True)
        return dumped


_ADAPTER = TypeAdapter(ReportInput)
