"""The gate: nothing is published before great-expectations has judged it.

One fused Spark pass profiles the rows (measure/profile.py), and a small sample shows their shapes (measure/sample.py);
great-expectations then judges those numbers, an expectation a check, holds the suite and gives the verdict. Its own
Spark engine would scan the data once a check and return too few failing rows, so the rows are fetched here instead.
Publications of fewer rows than a configured number are judged by its own engine, too (gx/validate_rows.py).
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
from quality.expectations import HAS_ROWS, Expected, of_answers, of_days, of_rows, of_shapes
from quality.gx.validate_metrics import Docs, failures, judge_numbers, verdicts
from quality.gx.validate_rows import judge_rows
from quality.measure.column_families import with_families
from quality.measure.profile import Profile, profile, repeats
from quality.measure.queries import Reader, answers
from quality.measure.sample import Shapes, sample, shapes
from quality.measure.schema import check_schema
from quality.publication_history import Earlier, Verdicts, earlier
from tables.checks import GRAIN, Rule, Sampled
from tables.spec import TableSpec

SHOWN_ROWS = 5


@dataclass(frozen=True)
class Gate:
    """Audits a table before it is published; keeps every verdict under ``results``.

    Args:
        results: folder for the suites and verdicts (JSON, one file a table and run).
        run_id: names the run.
        published: gives the verdicts of a table's published versions, oldest first: what the rows are held against.
            None: all verdicts under ``results`` without an error.
        read: reads the newest version of a table that others refer to; None where there is none.
        warn: told of each warning.
        accept: names of checks, TABLE.CHECK, whose failure is a warning in this run.
        direct_below: publications of fewer rows are judged by great-expectations' own engine.
        docs: folder for its Data Docs; None: no pages.
    """

    results: Path
    run_id: str
    published: Verdicts | None = None
    read: Reader | None = None
    warn: Callable[[str], None] | None = None
    accept: Sequence[str] = ()
    direct_below: int = 0
    docs: Path | None = None

    def __call__(self, frame: DataFrame, spec: TableSpec) -> Mapping[str, Any]:
        """Judge ``frame`` by the contract of ``spec``.

        Returns:
            ``rows``, ``checks``, ``checksum`` of the content, the file that holds the verdict, and the ``warnings``:
            checks that failed and block nothing.

        Raises:
            QualityError: naming the checks that failed and some of the rows that failed them.
        """
        check_schema(frame, spec)
        spec = with_families(spec, frame.dtypes)
        before = earlier(self.results, spec.name, self.published)
        found = measured(frame, spec, before, self.read)
        verdict, failed = judged(found, spec, before, Docs(self.docs, self.run_id) if self.docs else None)
        if found.profile.rows < self.direct_below:
            expected = found.expected(spec, before)
            direct = judge_rows(frame, spec, expected)
            passed = verdict["checks"]
            more = {name for name, is_good in verdicts(direct).items() if not is_good and passed[name]}
            verdict["great_expectations_on_rows"] = direct
            passed |= dict.fromkeys(more, False)
            failed = [one for one in expected if one in failed or one.check in more]
        errors = [one for one in failed if one.severity == "error" and f"{spec.name}.{one.check}" not in self.accept]
        verdict["errors"] = sorted({one.check for one in errors})
        file = self._keep(spec, verdict)
        if errors:
            raise _failure(frame, spec, found.counted, errors)
        warnings = sorted({one.check for one in failed})
        self._tell(spec, failed)
        rows, content = found.profile.rows, found.profile.content
        audit = {"rows": rows, "checks": len(verdict["checks"]), "checksum": content, "verdict": file.name}
        return {**audit, "warnings": warnings} if warnings else audit

    def counts(self, spec: TableSpec, counted: Mapping[str, int]) -> Mapping[str, Any]:
        """Judge a small table by its counts: ``rows``, rows that break each rule, rows that repeat a grain.

        Returns:
            ``rows``, ``checks`` and the file that holds the ``verdict``.

        Raises:
            QualityError: naming the rules that rows break.
        """
        expected = list(of_rows(spec, counted))
        result = judge_numbers(spec.name, expected, Docs(self.docs, self.run_id) if self.docs else None)
        checks, failed = verdicts(result), failures(result, expected)
        errors = [one for one in failed if one.severity == "error"]
        verdict = {"table": spec.name, "profile": dict(counted), "checks": checks, "errors": [e.check for e in errors]}
        days = {"all": {"rows": counted["rows"]}}
        file = self._keep(spec, {**verdict, "days": days, "great_expectations": result})
        if errors:
            raise _refused(spec.name, [f"{one.check}: {one.message}: {one.value:,.0f} rows" for one in errors])
        self._tell(spec, failed)
        return {"rows": counted["rows"], "checks": len(checks), "verdict": file.name}

    def _tell(self, spec: TableSpec, failed: Sequence[Expected]) -> None:
        if self.warn is not None:
            for one in failed:
                self.warn(f"{spec.name}: {one.line()}")

    def _keep(self, spec: TableSpec, verdict: Mapping[str, Any]) -> Path:
        return keep(self.results, f"{spec.name}-{self.run_id}", verdict)


def keep(results: Path, name: str, verdict: Mapping[str, Any]) -> Path:
    """Write a verdict into a file of its own; the second of a name gets a number."""
    results.mkdir(parents=True, exist_ok=True)
    earlier = len(list(results.glob(f"{name}*.json")))
    file = record_file(results, f"{name}{f'-{earlier + 1}' if earlier else ''}")
    file.write_text(json.dumps(verdict, indent=1, default=str), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Measured:
    """All that was measured of a publication."""

    profile: Profile
    again: int
    shapes: Shapes
    answers: Mapping[str, float]

    @property
    def counted(self) -> dict[str, int]:
        """Rows, rows that break each rule, and rows that repeat a grain."""
        return {"rows": self.profile.rows, **self.profile.broken, GRAIN: self.again}

    def expected(self, spec: TableSpec, before: Earlier) -> list[Expected]:
        """Every number and where it has to lie."""
        return [
            *of_rows(spec, self.counted),
            *of_days(spec, self.profile, before),
            *of_shapes(spec, self.shapes, before),
            *of_answers(spec, self.answers),
        ]


def measured(frame: DataFrame, spec: TableSpec, before: Earlier, read: Reader | None = None) -> Measured:
    """Profile, grain, sample and answers of some rows: two Spark jobs, one for samples, one a query or reference."""
    found = profile(frame, spec)
    drawn = sample(frame, spec, found.rows)
    looked = [check for check in spec.checks if isinstance(check, Sampled)]
    seen = shapes(drawn, looked, before.memories) if drawn is not None else Shapes()
    return Measured(found, repeats(frame, spec, found.rows), seen, answers(frame, spec, read, found))


def judged(
    found: Measured, spec: TableSpec, before: Earlier, docs: Docs | None = None
) -> tuple[dict[str, Any], list[Expected]]:
    """The verdict of great-expectations on what was measured, and what failed."""
    expected = found.expected(spec, before)
    result = judge_numbers(spec.name, expected, docs)
    verdict = {
        "table": spec.name,
        "profile": found.counted,
        "checks": verdicts(result),
        "days": found.profile.days,
        "shapes": asdict(found.shapes),
        "great_expectations": result,
    }
    return verdict, failures(result, expected)


def _failure(frame: DataFrame, spec: TableSpec, counted: Mapping[str, int], failed: Sequence[Expected]) -> QualityError:
    rules = {rule.name: rule for rule in spec.all_rules()}
    judged_beside = [f"{spec.name}.{one.check}" for one in failed if one.check not in {*rules, GRAIN, HAS_ROWS}]
    meant = f"; if it is meant: --set quality.accept=[{','.join(judged_beside)}]" if judged_beside else ""
    lines = []
    for one in failed:
        if one.check == HAS_ROWS:
            lines.append("has_rows: the table would be empty")
        elif one.check in rules or one.check == GRAIN:
            lines.append(f"{one.check}: {one.message}: {one.value:,} of {counted['rows']:,} rows, such as")
            lines += [f"    {row}" for row in _examples(frame, spec, rules.get(one.check))]
        else:
            lines.append(one.line())
    return _refused(spec.name, lines, meant)


def _refused(table: str, lines: Sequence[str], meant: str = "") -> QualityError:
    return QualityError(
        f"The gate of '{table}' failed; nothing was published.",
        where=f"table {table}",
        got="\n         ".join(lines),
        fix=f"the rejected rows are kept under rejected/; mend the input or the step and run it again{meant}",
    )


def _examples(frame: DataFrame, spec: TableSpec, rule: Rule | None) -> list[str]:
    if rule is not None:
        bad = frame.where(F.expr(rule.violation))
    else:
        bad = frame.groupBy(*spec.grain).count().where("count > 1")
    return [str(row.asDict()) for row in bad.limit(SHOWN_ROWS).collect()]
