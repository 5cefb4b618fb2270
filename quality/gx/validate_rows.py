"""great-expectations' own engine on the rows themselves: dear at scale, and the yardstick of the profile's verdicts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pyspark.sql import DataFrame

from quality.expectations import HAS_ROWS, Expected
from quality.gx.validate_metrics import import_gx, quiet
from quality.measure.profile import day_column
from tables.checks import GRAIN, Bounded, Sampled, Steady
from tables.spec import TableSpec

_SHAPES = {"repeats": "SUM(n - 1) / SUM(n)", "topShare": "MAX(n) / SUM(n)"}


def judge_rows(frame: DataFrame, spec: TableSpec, expected: Iterable[Expected] = ()) -> dict[str, Any]:
    """Let its Spark engine judge nulls, rules, grain, number of rows, aggregates and shapes; gives its result as JSON.

    A job a check, or more. Shapes that rest on what is remembered of earlier publications, and checks that need other
    tables, are left to the profile.

    Args:
        frame: the rows.
        spec: their contract.
        expected: the intervals in which aggregates and shapes have to lie.
    """
    gx, context, batch = opened(spec)
    suite = context.suites.add(gx.ExpectationSuite(name=spec.name, expectations=expectations(gx, spec, expected)))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=spec.name, data=batch, suite=suite))
    # Counts are not needed, and asking for them would make it collect rows.
    return dict(definition.run(batch_parameters={"dataframe": frame}, result_format="BOOLEAN_ONLY").to_json_dict())


def opened(spec: TableSpec) -> tuple[Any, Any, Any]:
    """great-expectations, a context of its own, and a definition of batches of a table's rows on its Spark engine."""
    gx = import_gx()
    context = quiet(gx.get_context(mode="ephemeral"))
    source = context.data_sources.add_spark(spec.name, persist=False)
    return gx, context, source.add_dataframe_asset(spec.name).add_batch_definition_whole_dataframe("rows")


def expectations(gx: Any, spec: TableSpec, expected: Iterable[Expected] = ()) -> list[Any]:
    """Its expectations of the rows; arguments as in ``judge_rows``."""
    return [*_of_rows(gx.expectations, spec), *_of_aggregates(gx.expectations, spec, expected)]


def _of_rows(expect: Any, spec: TableSpec) -> Iterator[Any]:
    least = 0 if spec.allow_empty or spec.mode != "replace" else 1
    yield expect.ExpectTableRowCountToBeBetween(min_value=least, meta={"rule": HAS_ROWS})
    for column in spec.columns:
        if not column.nullable:
            meta = {"rule": f"{column.name}_not_null"}
            yield expect.ExpectColumnValuesToNotBeNull(column=column.name, meta=meta)
    for rule in spec.rules:
        query = f"SELECT * FROM {{batch}} WHERE {rule.violation}"
        yield expect.UnexpectedRowsExpectation(unexpected_rows_query=query, meta={"rule": rule.name})
    if len(spec.grain) == 1:
        yield expect.ExpectColumnValuesToBeUnique(column=spec.grain[0], meta={"rule": GRAIN})
    else:
        yield expect.ExpectCompoundColumnsToBeUnique(column_list=list(spec.grain), meta={"rule": GRAIN})


def _of_aggregates(expect: Any, spec: TableSpec, expected: Iterable[Expected]) -> Iterator[Any]:
    intervals: dict[str, list[Expected]] = defaultdict(list)
    for one in expected:
        intervals[one.check].append(one)
    for check in spec.checks:
        if isinstance(check, Bounded | Steady) and check.name in intervals:
            query = _outside(check.measure, day_column(spec), intervals[check.name])
            yield expect.UnexpectedRowsExpectation(unexpected_rows_query=query, meta={"rule": check.name})
        elif isinstance(check, Sampled) and check.shape in _SHAPES and check.name in intervals:
            query = _shape(check, intervals[check.name][0])
            yield expect.UnexpectedRowsExpectation(unexpected_rows_query=query, meta={"rule": check.name})


def _shape(check: Sampled, interval: Expected) -> str:
    """A query for the shape of all rows, where it lies outside its interval."""
    counts = f"SELECT COUNT(*) AS n FROM {{batch}} GROUP BY {', '.join(check.columns)}"
    return f"SELECT * FROM (SELECT {_SHAPES[check.shape]} AS value FROM ({counts})) WHERE {_beyond(interval)}"


def _outside(measure: str, day: str | None, intervals: Sequence[Expected]) -> str:
    """A query for the days, or the whole, whose aggregate lies outside its interval."""
    by_day = day if any(one.where for one in intervals) else None
    groups, key = (f" GROUP BY {by_day}", f"{by_day}, ") if by_day else ("", "")
    broken = " OR ".join(
        f"({by_day} = DATE {one.where!r} AND {_beyond(one)})" if one.where else _beyond(one) for one in intervals
    )
    return f"SELECT * FROM (SELECT {key}{measure} AS value FROM {{batch}}{groups}) WHERE {broken}"


def _beyond(one: Expected) -> str:
    sides = [f"value {sign} {bound!r}" for sign, bound in (("<", one.low), (">", one.high)) if bound is not None]
    return f"({' OR '.join(sides)})" if sides else "false"
