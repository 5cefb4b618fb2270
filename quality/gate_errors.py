"""Errors of the gate: the failed checks, some of the invalid rows, and how to correct or accept them."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from longplay.errors import QualityError
from quality.expectations import HAS_ROWS, Expectation
from tables.checks import GRAIN, RowRule
from tables.spec import TableSpec

MAX_EXAMPLE_ROWS = 5


def describe_violations(
    frame: DataFrame, spec: TableSpec, row_counts: Mapping[str, int], errors: Sequence[Expectation]
) -> tuple[list[str], list[str]]:
    """Describe failed checks in lines, with examples of invalid rows; also list the checks that a run may accept."""
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
    return lines, acceptable


def build_gate_error(table: str, lines: Sequence[str], acceptable: Sequence[str] = ()) -> QualityError:
    """Build the error of a failed gate.

    Args:
        table: name of the table.
        lines: descriptions of the failed checks.
        acceptable: failed checks that a run may accept by name.
    """
    accept = f"; to accept it in this run: --set quality.accept=[{','.join(acceptable)}]" if acceptable else ""
    return QualityError(
        f"The gate of '{table}' failed; nothing was published.",
        where=f"table {table}",
        got="\n         ".join(lines),
        fix=f"correct the input or the step and run it again; the rejected rows are under rejected/{accept}",
    )


def _example_rows(frame: DataFrame, spec: TableSpec, rule: RowRule | None) -> list[str]:
    if rule is not None:
        invalid = frame.where(F.expr(rule.violation))
    else:
        invalid = frame.groupBy(*spec.grain).count().where("count > 1")
    return [str(row.asDict()) for row in invalid.limit(MAX_EXAMPLE_ROWS).collect()]
