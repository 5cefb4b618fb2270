"""The five queries that do most of the work, as Spark plans them when nothing is small: docs/explanation/plans.md.

    python -m tests.spec.main_queries

writes that page anew; ``test_plans.py`` sees that it says what is so.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from features.feature_facts import build_user_facts
from features.histories import build_daily_tiles
from features.point_in_time_join import as_of_join
from features.shipped_views import OF_USERS
from ingest import fact_tables, row_validation
from ingest.source_config import load_source
from jobs.runtime.settings import load_settings
from jobs.runtime.spark_session import start
from longplay.registry.registry import default_registry
from rankers.dataset.from_facts import TrainingFacts, build_from_facts
from rankers.dataset.training_set import SplitPlan
from signals.compute import compute_signal_values
from signals.maturity import Knowledge
from tests.reference.records import Event, Exposure, at, events_frame, exposures_frame

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "plans.md"
NOW = at("1 May")
HEAD = """# Physical plans of the main queries

Generated: `python -m tests.spec.main_queries` writes this page anew, and a test sees that it says what is so. Plans are
those for large tables: nothing is broadcast, and nothing is decided while it runs. A shuffle deals all rows anew, by
the columns that are named; on real tables Spark replaces some by broadcasts of what turns out to be small."""
BIG = {
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
    "spark.sql.shuffle.partitions": "2",
}
"""Tables here have a row; without these Spark would broadcast what it shuffles when it is large."""


@dataclass(frozen=True)
class Query:
    """One of the main queries: how often it shuffles, why, and its frame."""

    title: str
    shuffles: int
    why: str
    frame: DataFrame


def main_queries(spark: SparkSession) -> list[Query]:
    """The queries, on tables with a row each."""
    events = events_frame(spark, [Event("e", "ann", "song", NOW, NOW, is_consumption=True, is_click=True)])
    exposures = exposures_frame(spark, [Exposure("x", "r", "ann", "song", NOW, NOW)])
    firsts = _rows(fact_tables.build_first_seen(events))
    definitions = [default_registry().get(name) for name in ("click", "return_to_item_14d")]
    knowledge = Knowledge(NOW, NOW, at("1 Jan"))
    plan = SplitPlan.from_watermark(NOW, definitions[1].horizon, (28, 7, 14))
    facts = TrainingFacts(events, exposures, firsts)
    return [
        Query(
            "Validating a delivery",
            1,
            "Rows are partitioned by the source's key: of several rows with one key the first counts and the others are "
            "quarantined. Every other reason is decided row by row.",
            _judged(spark, NOW),
        ),
        Query(
            "Daily tiles of users and items",
            1,
            "Rows of one user, item and day must meet. Each task first sums its own rows.",
            build_daily_tiles(events, ["user_id", "item_id"]),
        ),
        Query(
            "Features of users, of users with items and of users with topics, as of every exposure",
            2,
            "Facts and exposures of one user must meet: one shuffle each, whatever the number of views, windows and "
            "features.",
            as_of_join(OF_USERS, build_user_facts(events, firsts), exposures),
        ),
        Query(
            "Values of two signals of exposures",
            6,
            "Each table that is read is partitioned by user once, whatever the number of signals: exposures and events "
            "for what was known in time; exposures and overdue events, to find exposures with late facts; and both "
            "tables again for these. While running, Spark reuses the first shuffles where they are the same. All joins "
            "and sums include the user in their keys, so nothing is shuffled again.",
            compute_signal_values(definitions, events, exposures, knowledge),
        ),
        Query(
            "A training set from facts alone",
            18,
            "Labels take the six shuffles by user above, and the rows that they join one more. Features of users and of "
            "items take two each, by bucket. Tiles of items, tiles of their exposures and the days of the items take one "
            "each. Joining features to exposures shuffles both sides, users by exposure and items by item and day, "
            "because Spark does not know that buckets keep users together.",
            build_from_facts(facts, definitions, plan, NOW, knowledge),
        ),
    ]


def _rows(frame: DataFrame) -> DataFrame:
    """A frame as a table gives it, without the plan that made it."""
    return frame.sparkSession.createDataFrame(frame.collect(), frame.schema)


def _judged(spark: SparkSession, now: datetime) -> DataFrame:
    source = load_source("online_retail")
    raw = spark.createDataFrame(
        [("1", "A", 1, now.replace(tzinfo=None), 2.5, "7", False, "log.csv")],
        "InvoiceNo string, StockCode string, Quantity int, InvoiceDate timestamp, UnitPrice double, "
        "CustomerID string, _malformed boolean, _file string",
    )
    return fact_tables.build_events(row_validation.validate_rows(raw, source, source.events, now), source.events, 1)


def explained(frame: DataFrame) -> str:
    """The physical plan, without the numbers by which Spark distinguishes columns."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        frame.explain(mode="simple")
    plan = output.getvalue().split("== Physical Plan ==", 1)[1].strip()
    plan = re.sub(r"_common_expr_\d+", "_common_expr", plan)
    plan = re.sub(r"\blambda ([a-z]+)_\d+", r"lambda \1", plan)
    plan = re.sub(r"#\d+L?|, \[plan_id=\d+\]|_w\d+|\[codegen id : \d+\]", "", plan)
    return "\n".join(line if len(line) <= 160 else line[:157] + "..." for line in plan.splitlines())


def shuffles(frame: DataFrame) -> list[str]:
    """The columns of every shuffle; broadcasts and reused shuffles do not count."""
    return re.findall(r"(?<!Reused)Exchange hashpartitioning\(([^)]*)\)", explained(frame))


def page(spark: SparkSession) -> str:
    """docs/explanation/plans.md."""
    parts = [HEAD]
    for number, query in enumerate(main_queries(spark), 1):
        columns_of_shuffles = shuffles(query.frame)
        by = "\n".join(f"{place}. by {columns}" for place, columns in enumerate(_columns(columns_of_shuffles), 1))
        parts.append(
            f"## {number}. {query.title}\n\n{query.why}\n\nShuffles: {len(columns_of_shuffles)}\n\n{by}\n\n"
            f"<details><summary>Physical plan</summary>\n\n```text\n{explained(query.frame)}\n```\n\n</details>"
        )
    return "\n\n".join(parts) + "\n"


def _columns(columns_of_shuffles: list[str]) -> list[str]:
    return [", ".join(f"`{c.strip()}`" for c in columns.split(",")[:-1]) for columns in columns_of_shuffles]


@contextlib.contextmanager
def nothing_is_small(spark: SparkSession) -> Iterator[None]:
    """Plans as for large tables."""
    before = {key: spark.conf.get(key, None) for key in BIG}
    for key, value in BIG.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)


def main() -> None:
    """Write the page."""
    session = start(load_settings(overrides=["spark.master=local[2]"]).spark, "plans")
    with nothing_is_small(session):
        PAGE.write_text(page(session), encoding="utf-8")


if __name__ == "__main__":
    main()
