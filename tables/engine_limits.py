"""What Sail cannot do to Delta tables, and what is done instead: docs/how-to/engines.md.

A spec runs each statement on Sail and expects it to fail, so a newer Sail that can do more is noticed.
"""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from longplay.errors import EnvironmentProblem
from tables.spark import is_spark


@dataclass(frozen=True)
class EngineLimit:
    """A statement that Sail cannot run.

    Attributes:
        statement: how it begins.
        example: it, with ``{path}`` for the folder of a table.
        purpose: what it is for.
        instead: who does it instead of Sail; None: nobody, it is refused.
    """

    statement: str
    example: str
    purpose: str
    instead: str | None

    def describe(self) -> str:
        """One line about the limit."""
        then = f"{self.instead} does it instead" if self.instead else "it is refused"
        return f"Sail has no {self.statement} ({self.purpose}): {then}"


LIMITS = tuple(
    EngineLimit(*limit)
    for limit in (
        ("OPTIMIZE", "OPTIMIZE delta.`{path}`", "joins small files", "delta-rs"),
        ("VACUUM", "VACUUM delta.`{path}` RETAIN 0 HOURS", "removes the files of old versions", "delta-rs"),
        (
            "ALTER TABLE",
            "ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('a' = 'b')",
            "commits metadata alone",
            "delta-rs",
        ),
        ("REORG TABLE", "REORG TABLE delta.`{path}` APPLY (PURGE)", "removes rows behind deletion vectors", None),
    )
)


def find_limit(spark: SparkSession, statement: str) -> EngineLimit | None:
    """The limit of the session's engine that keeps it from running a statement; None: there is none.

    Raises:
        EnvironmentProblem: when the statement is refused.
    """
    limit = next((limit for limit in LIMITS if statement.startswith(limit.statement)), None)
    if limit is None or is_spark(spark):
        return None
    if limit.instead is None:
        raise EnvironmentProblem(
            f"Sail has no {limit.statement}, which {limit.purpose}.",
            where=statement,
            fix="run this step on Spark: --set spark.engine=spark",
        )
    return limit
