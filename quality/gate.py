"""The gate: nothing is published before great-expectations has judged it.

One fused Spark pass counts the violations of every rule of a table; great-expectations then judges that one-row
profile (an expectation a rule), holds the suite and gives the verdict. Its own Spark engine would scan the
data once a check and returns too few failing rows; the rows are fetched here instead.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.errors import QualityError
from tables.checksum import hash_sum, render
from tables.spec import Rule, TableSpec

SHOWN_ROWS = 5
GRAIN = "grain_is_unique"


@dataclass(frozen=True)
class Gate:
    """Audits a table before it is published; keeps every verdict under ``results``.

    Args:
        results: folder for the suites and verdicts (JSON, one file a table and run).
        run_id: names the run.
    """

    results: Path
    run_id: str

    def __call__(self, frame: DataFrame, spec: TableSpec) -> Mapping[str, Any]:
        """Judge ``frame`` by the rules of ``spec``.

        Returns:
            ``rows``, ``checks``, ``checksum`` of the content, the file that holds the verdict, and the ``warnings``:
            checks that failed and block nothing.

        Raises:
            QualityError: naming the checks that failed and some of the rows that failed them.
        """
        check_schema(frame, spec)
        profile, content = measure(frame, spec)
        verdict = judge(profile, spec)
        file = self._keep(spec, verdict)
        lenient = {rule.name for rule in spec.rules if rule.severity == "warning"}
        broken = [name for name, passed in verdict["checks"].items() if not passed]
        if failed := [name for name in broken if name not in lenient]:
            raise _failure(frame, spec, profile, failed)
        audit = {"rows": profile["rows"], "checks": len(verdict["checks"]), "checksum": content, "verdict": file.name}
        return {**audit, "warnings": broken} if broken else audit

    def _keep(self, spec: TableSpec, verdict: Mapping[str, Any]) -> Path:
        self.results.mkdir(parents=True, exist_ok=True)
        earlier = len(list(self.results.glob(f"{spec.name}-{self.run_id}*.json")))
        file = self.results / f"{spec.name}-{self.run_id}{f'-{earlier + 1}' if earlier else ''}.json"
        file.write_text(json.dumps(verdict, indent=1, default=str), encoding="utf-8")
        return file


def check_schema(frame: DataFrame, spec: TableSpec) -> None:
    """See that the columns are those of the spec, in type and order.

    Raises:
        QualityError: naming the first column that is wrong.
    """
    found = dict(frame.dtypes)
    for column in spec.columns:
        if found.get(column.name) != column.type:
            raise QualityError(
                f"Column '{column.name}' of '{spec.name}' is not as its spec says.",
                where=f"table {spec.name}",
                got=found.get(column.name, "no such column"),
                fix=f"the spec says {column.type}",
            )
    extra = [
        name for name in found if name not in spec.column_names() and not name.startswith(spec.families or ("\0",))
    ]
    if extra:
        raise QualityError(
            f"'{spec.name}' has columns that its spec does not know.",
            where=f"table {spec.name}",
            got=", ".join(extra),
            fix=f"leave them out, or add them to the spec; it knows {', '.join(spec.column_names())}",
        )
    order = [name for name in found if name in spec.column_names()]
    if order != spec.column_names():
        raise QualityError(
            f"The columns of '{spec.name}' are not in the order of its spec.",
            where=f"table {spec.name}",
            got=", ".join(order),
            fix=f"the spec says {', '.join(spec.column_names())}",
        )


def measure(frame: DataFrame, spec: TableSpec) -> tuple[dict[str, int], str]:
    """Rows, violations of each rule and rows that repeat a grain, and the content's checksum.

    Two Spark jobs, whatever the number of rules.
    """
    counts = [F.count_if(F.coalesce(F.expr(r.violation), F.lit(False))).alias(r.name) for r in spec.all_rules()]
    totals = frame.agg(F.count("*").alias("rows"), hash_sum(frame, spec.audit).alias("_total"), *counts).first()
    repeats = frame.groupBy(*spec.grain).count().agg(F.coalesce(F.sum(F.col("count") - 1), F.lit(0)).alias("n"))
    again = repeats.first()
    assert totals is not None
    assert again is not None
    found = totals.asDict()
    content = render(int(found["rows"]), int(found.pop("_total")))
    return {**{name: int(value) for name, value in found.items()}, GRAIN: int(again["n"])}, content


def judge(profile: Mapping[str, int], spec: TableSpec) -> dict[str, Any]:
    """Let great-expectations judge a profile: every violation count must be 0, and rows be there."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx  # costs seconds, so only when something is judged

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batches = context.data_sources.add_pandas(spec.name).add_dataframe_asset(spec.name)
    batch = batches.add_batch_definition_whole_dataframe("profile")
    suite = context.suites.add(gx.ExpectationSuite(name=spec.name))
    between = gx.expectations.ExpectColumnValuesToBeBetween
    suite.add_expectation(
        between(
            column="rows", min_value=0 if spec.allow_empty or spec.mode != "replace" else 1, meta={"rule": "has_rows"}
        )
    )
    for name in profile:
        if name != "rows":
            suite.add_expectation(between(column=name, min_value=0, max_value=0, meta={"rule": name}))
    result = _run(context, gx, batch, suite, profile)
    checks = {r["expectation_config"]["meta"]["rule"]: bool(r["success"]) for r in result["results"]}
    return {"table": spec.name, "profile": dict(profile), "checks": checks, "great_expectations": result}


def _run(context: Any, gx: Any, batch: Any, suite: Any, profile: Mapping[str, int]) -> dict[str, Any]:
    definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=suite)
    context.validation_definitions.add(definition)
    frame = pd.DataFrame([dict(profile)])
    verdict = definition.run(batch_parameters={"dataframe": frame}, result_format="BASIC")
    return dict(verdict.to_json_dict())


def _failure(frame: DataFrame, spec: TableSpec, profile: Mapping[str, int], failed: list[str]) -> QualityError:
    rules = {rule.name: rule for rule in spec.all_rules()}
    lines = []
    for name in failed:
        if name == "has_rows":
            lines.append("has_rows: the table would be empty")
            continue
        message = rules[name].message if name in rules else f"rows repeat ({', '.join(spec.grain)})"
        lines.append(f"{name}: {message}: {profile[name]:,} of {profile['rows']:,} rows, such as")
        lines += [f"    {row}" for row in _examples(frame, spec, rules.get(name))]
    return QualityError(
        f"The gate of '{spec.name}' failed; nothing was published.",
        where=f"table {spec.name}",
        got="\n         ".join(lines),
        fix="the rejected rows are kept under rejected/ beside the tables; mend the input or the step and run it again",
    )


def _examples(frame: DataFrame, spec: TableSpec, rule: Rule | None) -> list[str]:
    if rule is not None:
        bad = frame.where(F.expr(rule.violation))
    else:
        bad = frame.groupBy(*spec.grain).count().where("count > 1")
    return [str(row.asDict()) for row in bad.limit(SHOWN_ROWS).collect()]
