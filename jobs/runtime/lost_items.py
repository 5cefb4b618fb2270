"""Items left without any fact after an erasure: tables that aggregate over people must not show them either."""

from functools import reduce

from pyspark.sql import DataFrame

from jobs.runtime.run_context import RunContext
from longplay.definitions.sql_literals import texts_sql
from tables import catalog

REBUILT_TABLES = (
    "item_days",
    "item_exposure_days",
    "item_features",
    "first_seen",
    "day_counts",
    "progressive_priors",
    "progressive_sums",
    "progressive_estimates",
    "signal_delays",
)
"""Tables that aggregate over people: the next build rebuilds them without the person."""
FACTS = ("events", "exposures", "episodes")
FIRST_SEEN = "first_seen"


def read_fact_values(context: RunContext, column: str) -> DataFrame:
    """The distinct values that facts have in a column, such as ``item_id``. Grain: the value."""
    tables = [t for t in FACTS if column in catalog.get(t).column_names() and context.store.exists(t)]
    return reduce(DataFrame.union, (context.store.read(table).select(column) for table in tables)).distinct()


def condition_of_lost_items(context: RunContext, table: str) -> str | None:
    """SQL for a table's rows of items and topics that no fact names.

    None if there are none, or the table is not one of ``REBUILT_TABLES``.

    Only aggregates are looked at, so the person's facts must have been removed before.
    """
    if table not in REBUILT_TABLES:
        return None
    if table == FIRST_SEEN:
        rows = context.store.read(table).where("kind <> 'user'")
        conditions = [_condition(context, rows, "key", "item_id"), _condition(context, rows, "topic", "topic")]
        named = [condition for condition in conditions if condition is not None]
        return f"(kind <> 'user' AND ({' OR '.join(named)}))" if named else None
    if "item_id" in catalog.get(table).column_names():
        return _condition(context, context.store.read(table), "item_id", "item_id")
    return None


def _condition(context: RunContext, rows: DataFrame, column: str, fact_column: str) -> str | None:
    values = rows.select(rows[column].alias(fact_column)).dropna().distinct()
    lost = values.join(read_fact_values(context, fact_column), fact_column, "left_anti").collect()
    return f"{column} IN ({texts_sql(row[0] for row in lost)})" if lost else None
