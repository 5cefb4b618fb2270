"""Columns that a source file derives from those of a raw row, by checked expressions. Pure column expressions.

An expression gives null where Spark would end the job: for text that is no number, or a division by zero. The row is
then quarantined under the reason of the column that is missing, and no other row is lost.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ingest.log_mapping import PLACES, LogMapping, LogPart
from ingest.raw_columns import FILE, check_analysis
from longplay.definitions.expression import compile_row_expression
from longplay.errors import ConfigError
from tables.spark import with_columns


def derive_columns(raw: DataFrame, log: LogMapping) -> DataFrame:
    """Raw rows with the columns that ``derive`` adds. Grain: raw row.

    Args:
        raw: rows of all parts of the log, with ``FILE`` as the path below ``--data`` if it has several.
        log: the log's mapping.

    Raises:
        ConfigError: for an expression that Spark cannot evaluate over these columns, or a name that the log has.
    """
    for name in log.derived_names:
        if name in raw.columns:
            raise ConfigError(
                f"The log has a column '{name}' of its own.",
                where="key derive",
                got=f"columns {', '.join(raw.columns)}",
                fix="give the derived column another name",
            )
    return with_columns(raw, {name: _derive(raw, log, name) for name in log.derived_names})


def _derive(raw: DataFrame, log: LogMapping, name: str) -> Column:
    """One derived column: in each part by the part's own expression."""
    expressions = [(part, _evaluate(raw, name, part.derive[name])) for part in log.sections]
    if not log.parts:
        return expressions[0][1]
    of_part = [F.when(_is_in(part), column.cast("string")) for part, column in expressions]
    return F.coalesce(*of_part)


def _is_in(part: LogPart) -> Column:
    return (F.col(FILE) == part.path) | F.startswith(FILE, F.lit(f"{part.path}/"))


def _evaluate(raw: DataFrame, name: str, text: str) -> Column:
    column = F.expr(compile_row_expression(text, text_columns(raw), _places()).sql)
    what, where = f"The column '{name}' cannot be derived from the log.", f"key derive, {name}: {text}"
    check_analysis(lambda: raw.select(column), what, where, "write a Spark SQL expression over the log's own columns")
    return column


def text_columns(raw: DataFrame) -> list[str]:
    """The columns that hold text."""
    return [name for name, kind in raw.dtypes if kind == "string"]


def _places() -> Mapping[str, str]:
    """Spark SQL of the parts of a path, which reading keeps in one column."""
    name, folder = f"substring_index(`{FILE}`, '/', -1)", f"regexp_extract(`{FILE}`, '^(.*)/', 1)"
    return dict(zip(PLACES, (name, folder), strict=True))
