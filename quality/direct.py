"""great-expectations' own engine on the rows themselves: dear at scale, and the yardstick of the profile's verdicts."""

from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame

from quality.expected import HAS_ROWS
from quality.judge import import_gx, quiet
from tables.checks import GRAIN
from tables.spec import TableSpec


def judge_rows(frame: DataFrame, spec: TableSpec) -> dict[str, Any]:
    """Let its Spark engine judge nulls, row rules, grain and number of rows; gives its result as JSON.

    A job a check, or more. Checks that need other publications or tables are left to the profile.
    """
    gx = import_gx()
    context = quiet(gx.get_context(mode="ephemeral"))
    source = context.data_sources.add_spark(spec.name, persist=False)
    batch = source.add_dataframe_asset(spec.name).add_batch_definition_whole_dataframe("rows")
    suite = context.suites.add(gx.ExpectationSuite(name=spec.name, expectations=list(_suite(gx.expectations, spec))))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=spec.name, data=batch, suite=suite))
    # Counts are not needed, and asking for them would make it collect rows.
    return dict(definition.run(batch_parameters={"dataframe": frame}, result_format="BOOLEAN_ONLY").to_json_dict())


def _suite(expect: Any, spec: TableSpec) -> Iterator[Any]:
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
