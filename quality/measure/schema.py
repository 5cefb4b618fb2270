"""Schema checks: columns as the table's spec lists them, before any Spark job."""

from pyspark.sql import DataFrame

from longplay.errors import QualityError
from tables.spec import TableSpec


def check_schema(frame: DataFrame, spec: TableSpec) -> None:
    """Check names, types and order of the columns.

    Raises:
        QualityError: naming the first wrong column, the surplus columns, or the wrong order.
    """
    types = dict(frame.dtypes)
    for column in spec.columns:
        if types.get(column.name) != column.type:
            raise _schema_error(
                spec,
                f"Column '{column.name}' of '{spec.name}' does not match its spec.",
                types.get(column.name, "no such column"),
                f"give it the type {column.type}",
            )
    expected = spec.column_names()
    extra = [name for name in types if name not in expected and not name.startswith(spec.families or ("\0",))]
    if extra:
        message = f"'{spec.name}' has columns that its spec does not list."
        fix = f"leave them out, or add them to the spec, which lists {', '.join(expected)}"
        raise _schema_error(spec, message, ", ".join(extra), fix)
    order = [name for name in types if name in expected]
    if order != expected:
        message = f"The columns of '{spec.name}' are not in the order of its spec."
        raise _schema_error(spec, message, ", ".join(order), f"order them as {', '.join(expected)}")


def _schema_error(spec: TableSpec, message: str, got: str, fix: str) -> QualityError:
    return QualityError(message, where=f"table {spec.name}", got=got, fix=fix)
