"""The gate: a table is published only after great-expectations has validated it.

One fused Spark pass profiles the rows (measure/profile.py), and a small sample shows their shapes (measure/sample.py).
great-expectations then validates those numbers, with one expectation per number, keeps the suite and gives the verdict.
Its own Spark engine would scan the data once per check and return too few failing rows, so the gate fetches examples
itself. Publications below a configured number of rows are also validated by that engine (gx/validate_rows.py).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.errors import QualityError
from longplay.paths import record_file
from quality.expectations import (
    HAS_ROWS,
    Expectation,
    expect_measures,
    expect_query_results,
    expect_shapes,
    expect_valid_rows,
)
from quality.gx.validate_metrics import DataDocs, failed_expectations, passed_by_check, validate_metrics
from quality.gx.validate_rows import validate_rows
from quality.measure.column_families import with_families
from quality.measure.profile import UNDATED, PublicationProfile, count_repeated_rows, profile_publication
from quality.measure.queries import TableReader, run_queries
from quality.measure.sample import Shapes, draw_sample, measure_shapes
from quality.measure.schema import check_schema
from quality.publication_history import PublicationHistory, PublishedVerdicts, load_publication_history
from tables.checks import GRAIN, Rule, Sampled
from tables.spec import TableSpec

MAX_EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class Gate:
    """Validates a table before it is published, and writes every verdict to ``results``.

    Args:
        results: folder of the verdicts (JSON, one file per table and run).
        run_id: names the run.
        published: gives the verdicts of a table's published versions, oldest first, to compare with. None: compare
            with all verdicts under ``results`` that have no error.
        read: reads the newest version of a referenced table; None where there is none.
        warn: receives each warning.
        accept: names of checks, TABLE.CHECK, whose failure only warns in this run.
        direct_below: publications with fewer rows are also validated by great-expectations' own engine.
        docs: folder for its Data Docs; None: no pages.
    """

    results: Path
    run_id: str
    published: PublishedVerdicts | None = None
    read: TableReader | None = None
    warn: Callable[[str], None] | None = None
    accept: Sequence[str] = ()
    direct_below: int = 0
    docs: Path | None = None

    def __call__(self, frame: DataFrame, spec: TableSpec) -> Mapping[str, Any]:
        """Validate ``frame`` against the contract of ``spec``.

        Returns:
            ``rows``, ``checks``, ``checksum`` of the content, ``verdict`` (its file), and ``warnings``: failed checks
            that do not block.

        Raises:
            QualityError: naming the failed checks and some of the rows that failed them.
        """
        check_schema(frame, spec)
        spec = with_families(spec, frame.dtypes)
        history = load_publication_history(self.results, spec.name, self.published)
        measurements = measure(frame, spec, history, self.read)
        verdict, failed = validate(measurements, spec, history, self.data_docs)
        if measurements.profile.rows < self.direct_below:
            failed = self._validate_rows(frame, spec, measurements.expectations(spec, history), verdict, failed)
        errors = [failure for failure in failed if self._blocks(spec, failure)]
        verdict["errors"] = sorted({failure.check for failure in errors})
        file = self._write_verdict(spec, verdict)
        if errors:
            raise _gate_error(frame, spec, measurements.row_counts, errors)
        self._warn(spec, failed)
        rows, checksum = measurements.profile.rows, measurements.profile.checksum
        audit = {"rows": rows, "checks": len(verdict["checks"]), "checksum": checksum, "verdict": file.name}
        warnings = sorted({failure.check for failure in failed})
        return {**audit, "warnings": warnings} if warnings else audit

    def validate_counts(self, spec: TableSpec, row_counts: Mapping[str, int]) -> Mapping[str, Any]:
        """Validate a small table by its counts: ``rows``, violations by rule, and repeated rows.

        Returns:
            ``rows``, ``checks`` and ``verdict`` (its file).

        Raises:
            QualityError: naming the violated rules.
        """
        expectations = list(expect_valid_rows(spec, row_counts))
        result = validate_metrics(spec.name, expectations, self.data_docs)
        checks, failed = passed_by_check(result), failed_expectations(result, expectations)
        errors = [failure for failure in failed if failure.severity == "error"]
        verdict = {
            "table": spec.name,
            "profile": dict(row_counts),
            "checks": checks,
            "errors": [failure.check for failure in errors],
            "days": {UNDATED: {"rows": row_counts["rows"]}},
            "great_expectations": result,
        }
        file = self._write_verdict(spec, verdict)
        if errors:
            lines = [f"{failure.check}: {failure.message}: {failure.value:,.0f} rows" for failure in errors]
            raise _quality_error(spec.name, lines)
        self._warn(spec, failed)
        return {"rows": row_counts["rows"], "checks": len(checks), "verdict": file.name}

    @property
    def data_docs(self) -> DataDocs | None:
        """Where great-expectations keeps its pages of this run; None: nowhere."""
        return DataDocs(self.docs, self.run_id) if self.docs else None

    def _validate_rows(
        self,
        frame: DataFrame,
        spec: TableSpec,
        expectations: Sequence[Expectation],
        verdict: dict[str, Any],
        failed: Sequence[Expectation],
    ) -> list[Expectation]:
        """Add the verdict of great-expectations' own engine; return what failed in either."""
        result = validate_rows(frame, spec, expectations)
        passed = verdict["checks"]
        newly_failed = {name for name, is_passed in passed_by_check(result).items() if not is_passed and passed[name]}
        verdict["great_expectations_on_rows"] = result
        passed |= dict.fromkeys(newly_failed, False)
        return [e for e in expectations if e in failed or e.check in newly_failed]

    def _blocks(self, spec: TableSpec, failure: Expectation) -> bool:
        return failure.severity == "error" and f"{spec.name}.{failure.check}" not in self.accept

    def _warn(self, spec: TableSpec, failed: Sequence[Expectation]) -> None:
        if self.warn is not None:
            for failure in failed:
                self.warn(f"{spec.name}: {failure.describe()}")

    def _write_verdict(self, spec: TableSpec, verdict: Mapping[str, Any]) -> Path:
        return write_verdict(self.results, f"{spec.name}-{self.run_id}", verdict)


def write_verdict(results: Path, name: str, verdict: Mapping[str, Any]) -> Path:
    """Write a verdict into a file of its own; further verdicts of the same name get a number."""
    results.mkdir(parents=True, exist_ok=True)
    earlier = len(list(results.glob(f"{name}*.json")))
    file = record_file(results, f"{name}{f'-{earlier + 1}' if earlier else ''}")
    file.write_text(json.dumps(verdict, indent=1, default=str), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Measurements:
    """Everything measured of a publication.

    Attributes:
        profile: its counts.
        repeated_rows: rows beyond the first of each grain.
        shapes: of its sample.
        query_results: of the checks that need a job of their own, by name.
    """

    profile: PublicationProfile
    repeated_rows: int
    shapes: Shapes
    query_results: Mapping[str, float]

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows, violations by rule, and repeated rows."""
        return {"rows": self.profile.rows, **self.profile.violations, GRAIN: self.repeated_rows}

    def expectations(self, spec: TableSpec, history: PublicationHistory) -> list[Expectation]:
        """Every measured number with the interval in which it must lie."""
        return [
            *expect_valid_rows(spec, self.row_counts),
            *expect_measures(spec, self.profile, history),
            *expect_shapes(spec, self.shapes, history),
            *expect_query_results(spec, self.query_results),
        ]


def measure(
    frame: DataFrame, spec: TableSpec, history: PublicationHistory, read: TableReader | None = None
) -> Measurements:
    """Measure rows: two Spark jobs for profile and grain, one for the sample, and one per query, reference or leak."""
    profile = profile_publication(frame, spec)
    sample = draw_sample(frame, spec, profile.rows)
    sampled_checks = [check for check in spec.checks if isinstance(check, Sampled)]
    shapes = measure_shapes(sample, sampled_checks, history.memories) if sample is not None else Shapes()
    repeated_rows = count_repeated_rows(frame, spec, profile.rows)
    return Measurements(profile, repeated_rows, shapes, run_queries(frame, spec, read, profile))


def validate(
    measurements: Measurements, spec: TableSpec, history: PublicationHistory, data_docs: DataDocs | None = None
) -> tuple[dict[str, Any], list[Expectation]]:
    """Let great-expectations validate the measurements; return the verdict and the failed expectations."""
    expectations = measurements.expectations(spec, history)
    result = validate_metrics(spec.name, expectations, data_docs)
    verdict = {
        "table": spec.name,
        "profile": measurements.row_counts,
        "checks": passed_by_check(result),
        "days": measurements.profile.days,
        "shapes": asdict(measurements.shapes),
        "great_expectations": result,
    }
    return verdict, failed_expectations(result, expectations)


def _gate_error(
    frame: DataFrame, spec: TableSpec, row_counts: Mapping[str, int], errors: Sequence[Expectation]
) -> QualityError:
    rules = {rule.name: rule for rule in spec.all_rules()}
    acceptable = [f"{spec.name}.{error.check}" for error in errors if error.check not in {*rules, GRAIN, HAS_ROWS}]
    lines = []
    for error in errors:
        if error.check == HAS_ROWS:
            lines.append("has_rows: the table would be empty")
        elif error.check in rules or error.check == GRAIN:
            lines.append(f"{error.check}: {error.message}: {error.value:,} of {row_counts['rows']:,} rows, such as")
            lines += [f"    {row}" for row in _example_rows(frame, spec, rules.get(error.check))]
        else:
            lines.append(error.describe())
    return _quality_error(spec.name, lines, acceptable)


def _quality_error(table: str, lines: Sequence[str], acceptable: Sequence[str] = ()) -> QualityError:
    accept = f"; to accept it in this run: --set quality.accept=[{','.join(acceptable)}]" if acceptable else ""
    return QualityError(
        f"The gate of '{table}' failed; nothing was published.",
        where=f"table {table}",
        got="\n         ".join(lines),
        fix=f"correct the input or the step and run it again; the rejected rows are under rejected/{accept}",
    )


def _example_rows(frame: DataFrame, spec: TableSpec, rule: Rule | None) -> list[str]:
    if rule is not None:
        invalid = frame.where(F.expr(rule.violation))
    else:
        invalid = frame.groupBy(*spec.grain).count().where("count > 1")
    return [str(row.asDict()) for row in invalid.limit(MAX_EXAMPLE_ROWS).collect()]
