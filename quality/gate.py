"""The gate: a table is published only after great-expectations has validated it.

The gate measures, and great-expectations validates. One Spark pass profiles the rows (measure/profile.py), and a small
sample shows their distributions (measure/sample.py). great-expectations then validates these numbers, each against its
interval. Its own Spark engine would scan the data once per check, so only small publications are also validated by it
(gx/validate_rows.py).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from longplay.paths import SourcePaths, record_file
from quality.expectations import Expectation, expect_valid_rows
from quality.gate_errors import build_gate_error, describe_violations
from quality.gx.validate_metrics import DataDocs, validate_metrics
from quality.gx.validate_rows import passed_by_check, validate_rows
from quality.measure.column_families import with_families
from quality.measure.profile import UNDATED
from quality.measure.queries import TableReader
from quality.measure.schema import check_schema
from quality.publication_history import PublishedVerdicts, load_publication_history
from quality.validation import measure, validate
from tables.spec import TableSpec


@dataclass(frozen=True)
class Gate:
    """Validates a table before it is published, and writes every verdict to ``results``.

    Args:
        results: folder of the verdicts (JSON, at least one file per table and run).
        run_id: names the run.
        published: gives the verdicts of a table's published versions, oldest first, to compare with. None: compare
            with all verdicts under ``results`` that have no error.
        read: reads the newest version of a referenced table; None where there is none.
        warn: receives each warning.
        accept: names of checks, TABLE.CHECK, whose failure only warns in this run.
        direct_below: publications with fewer rows are also validated by great-expectations' own engine.
        docs: folder for great-expectations' Data Docs; None: none are written.
    """

    results: Path
    run_id: str
    published: PublishedVerdicts | None = None
    read: TableReader | None = None
    warn: Callable[[str], None] | None = None
    accept: Sequence[str] = ()
    direct_below: int = 0
    docs: Path | None = None

    def __call__(self, frame: DataFrame, spec: TableSpec, few_rows: pa.Table | None = None) -> Mapping[str, Any]:
        """Validate ``frame`` against the contract of ``spec``.

        Args:
            frame: the rows.
            spec: their table.
            few_rows: the same rows in memory, if they are few.

        Returns:
            ``rows``, ``checks``, ``checksum`` of the content, ``verdict`` (its file), and ``warnings``: failed checks
            that do not block.

        Raises:
            QualityError: naming the failed checks, and how many rows failed them.
        """
        check_schema(frame, spec)
        spec = with_families(spec, frame.dtypes)
        history = load_publication_history(self.results, spec.name, self.published)
        measurements = measure(frame, spec, history, self.read, few_rows)
        verdict, failed = validate(measurements, spec, history, self.data_docs)
        if measurements.profile.rows < self.direct_below:
            failed = self._validate_rows(frame, spec, measurements.expectations(spec, history), verdict, failed)
        errors = [failure for failure in failed if self._blocks(spec, failure)]
        verdict["errors"] = sorted({failure.check for failure in errors})
        file = self._write_verdict(spec, verdict)
        if errors:
            lines, acceptable = describe_violations(spec, measurements.row_counts, errors)
            raise build_gate_error(spec.name, lines, acceptable, self.find_rejected(spec.name))
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
        validation = validate_metrics(spec.name, expectations, self.data_docs)
        errors = [failure for failure in validation.failed if failure.severity == "error"]
        verdict = {
            "table": spec.name,
            "profile": dict(row_counts),
            "checks": validation.checks,
            "errors": [failure.check for failure in errors],
            "days": {UNDATED: {"rows": row_counts["rows"]}},
            "numbers": validation.numbers,
            "great_expectations": validation.result,
        }
        file = self._write_verdict(spec, verdict)
        if errors:
            lines = [f"{failure.check}: {failure.message}: {failure.value:,.0f} rows" for failure in errors]
            raise build_gate_error(spec.name, lines)
        self._warn(spec, validation.failed)
        return {"rows": row_counts["rows"], "checks": len(validation.checks), "verdict": file.name}

    def find_rejected(self, table: str) -> Path | None:
        """Where rows that this run has staged for a table will be kept if they are refused; None: it staged none."""
        source = SourcePaths(self.results.parent)
        return source.rejected(table, self.run_id) if source.staging(table, self.run_id).is_dir() else None

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
        """Add the verdict of great-expectations' own engine; return what failed in the profile or in that engine."""
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
