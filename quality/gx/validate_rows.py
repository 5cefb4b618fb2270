"""Validates rows with great-expectations' own Spark engine. Slow on large tables; the yardstick of the profile."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame

from quality.expectations import HAS_ROWS, Expectation
from quality.gx.validate_metrics import hide_progress, import_gx
from quality.measure.profile import day_column
from tables.checks import GRAIN, Bounded, Sampled, Steady
from tables.spec import TableSpec

_SHAPE_SQL = {"repeats": "SUM(n - 1) / SUM(n)", "topShare": "MAX(n) / SUM(n)"}
"""Shapes that need no memory of earlier publications, over counts ``n`` of each value."""


def validate_rows(frame: DataFrame, spec: TableSpec, expectations: Iterable[Expectation] = ()) -> dict[str, Any]:
    """Validate nulls, rules, grain, number of rows, aggregates and shapes, with one Spark job or more per check.

    Shapes that rest on earlier publications and checks against other tables are left out.

    Args:
        frame: the rows.
        spec: their contract.
        expectations: the intervals of aggregates and shapes.

    Returns:
        The result of great-expectations as JSON.
    """
    gx, context, batch = open_spark_batch(spec)
    suite = gx.ExpectationSuite(name=spec.name, expectations=gx_expectations(gx, spec, expectations))
    suite = context.suites.add(suite)
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=spec.name, data=batch, suite=suite))
    # More than booleans would make it collect rows.
    return dict(definition.run(batch_parameters={"dataframe": frame}, result_format="BOOLEAN_ONLY").to_json_dict())


def passed_by_check(result: Mapping[str, Any]) -> dict[str, bool]:
    """Say for each check in a result of ``validate_rows`` whether all of its expectations passed."""
    passed: dict[str, bool] = {}
    for outcome in result["results"]:
        check = outcome["expectation_config"]["meta"]["rule"]
        passed[check] = passed.get(check, True) and bool(outcome["success"])
    return passed


def open_spark_batch(spec: TableSpec) -> tuple[Any, Any, Any]:
    """Open great-expectations, a context of its own, and a batch definition for a table's rows on Spark."""
    gx = import_gx()
    context = hide_progress(gx.get_context(mode="ephemeral"))
    source = context.data_sources.add_spark(spec.name, persist=False)
    return gx, context, source.add_dataframe_asset(spec.name).add_batch_definition_whole_dataframe("rows")


def gx_expectations(gx: Any, spec: TableSpec, expectations: Iterable[Expectation] = ()) -> list[Any]:
    """Translate a contract and intervals into great-expectations; arguments as in ``validate_rows``."""
    return [*_row_expectations(gx.expectations, spec), *_aggregate_expectations(gx.expectations, spec, expectations)]


def _row_expectations(gx_types: Any, spec: TableSpec) -> Iterator[Any]:
    min_rows = 0 if spec.allow_empty or spec.mode != "replace" else 1
    yield gx_types.ExpectTableRowCountToBeBetween(min_value=min_rows, meta={"rule": HAS_ROWS})
    for column in spec.columns:
        if not column.nullable:
            meta = {"rule": f"{column.name}_not_null"}
            yield gx_types.ExpectColumnValuesToNotBeNull(column=column.name, meta=meta)
    for rule in spec.rules:
        query = f"SELECT * FROM {{batch}} WHERE {rule.violation}"
        yield gx_types.UnexpectedRowsExpectation(unexpected_rows_query=query, meta={"rule": rule.name})
    if len(spec.grain) == 1:
        yield gx_types.ExpectColumnValuesToBeUnique(column=spec.grain[0], meta={"rule": GRAIN})
    else:
        yield gx_types.ExpectCompoundColumnsToBeUnique(column_list=list(spec.grain), meta={"rule": GRAIN})


def _aggregate_expectations(gx_types: Any, spec: TableSpec, expectations: Iterable[Expectation]) -> Iterator[Any]:
    by_check: dict[str, list[Expectation]] = defaultdict(list)
    for expectation in expectations:
        by_check[expectation.check].append(expectation)
    for check in spec.checks:
        if isinstance(check, Bounded | Steady) and check.name in by_check:
            query = _measure_query(check.measure, day_column(spec), by_check[check.name])
            yield gx_types.UnexpectedRowsExpectation(unexpected_rows_query=query, meta={"rule": check.name})
        elif isinstance(check, Sampled) and check.shape in _SHAPE_SQL and check.name in by_check:
            query = _shape_query(check, by_check[check.name][0])
            yield gx_types.UnexpectedRowsExpectation(unexpected_rows_query=query, meta={"rule": check.name})


def _shape_query(check: Sampled, expectation: Expectation) -> str:
    """A query that returns the shape of all rows if it lies outside its interval."""
    counts = f"SELECT COUNT(*) AS n FROM {{batch}} GROUP BY {', '.join(check.columns)}"
    shape = f"SELECT {_SHAPE_SQL[check.shape]} AS value FROM ({counts})"
    return f"SELECT * FROM ({shape}) WHERE {_outside_condition(expectation)}"


def _measure_query(measure: str, day: str | None, expectations: Sequence[Expectation]) -> str:
    """A query that returns the aggregates, of days or of all rows, that lie outside their intervals."""
    by_day = day if any(expectation.day for expectation in expectations) else None
    groups, key = (f" GROUP BY {by_day}", f"{by_day}, ") if by_day else ("", "")
    violations = " OR ".join(
        f"({by_day} = DATE {expectation.day!r} AND {_outside_condition(expectation)})"
        if expectation.day
        else _outside_condition(expectation)
        for expectation in expectations
    )
    return f"SELECT * FROM (SELECT {key}{measure} AS value FROM {{batch}}{groups}) WHERE {violations}"


def _outside_condition(expectation: Expectation) -> str:
    limits = (("<", expectation.low), (">", expectation.high))
    sides = [f"value {sign} {bound!r}" for sign, bound in limits if bound is not None]
    return f"({' OR '.join(sides)})" if sides else "false"
