"""Errors of the gate: the failed checks, how many rows failed them, where those rows are, and how to accept them.

No value of a row is printed: errors end up in logs, on screens and in tickets, and rows are personal data.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from longplay.errors import QualityError
from quality.expectations import HAS_ROWS, Expectation
from tables.checks import GRAIN
from tables.spec import TableSpec


def describe_violations(
    spec: TableSpec, row_counts: Mapping[str, int], errors: Sequence[Expectation]
) -> tuple[list[str], list[str]]:
    """Describe failed checks in lines, with numbers of invalid rows; also list the checks that a run may accept."""
    rules = {rule.name: rule for rule in spec.all_rules()}
    acceptable = [f"{spec.name}.{error.check}" for error in errors if error.check not in {*rules, GRAIN, HAS_ROWS}]
    lines = []
    for error in errors:
        if error.check == HAS_ROWS:
            lines.append("has_rows: the table would be empty")
        elif error.check in rules or error.check == GRAIN:
            lines.append(f"{error.check}: {error.message}: {error.value:,} of {row_counts['rows']:,} rows")
        else:
            lines.append(error.describe())
    return lines, acceptable


def build_gate_error(
    table: str, lines: Sequence[str], acceptable: Sequence[str] = (), rejected: Path | None = None
) -> QualityError:
    """Build the error of a failed gate.

    Args:
        table: name of the table.
        lines: descriptions of the failed checks.
        acceptable: failed checks that a run may accept by name.
        rejected: where the rows are kept; None: nowhere.
    """
    accept = f"; to accept it in this run: --set quality.accept=[{','.join(acceptable)}]" if acceptable else ""
    return QualityError(
        f"The gate of '{table}' failed; nothing was published.",
        where=f"table {table}",
        got="\n         ".join(lines),
        fix=f"correct the input or the step and run it again{describe_rejected(rejected)}{accept}",
    )


def describe_rejected(rejected: Path | None) -> str:
    """The part of an error that says how to see rejected rows; empty where none are kept."""
    if rejected is None:
        return ""
    code = f"import pandas; print(pandas.read_parquet({str(rejected)!r}))"
    return f"; to see the rejected rows: python -c {shlex.quote(code)}"
