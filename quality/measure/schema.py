"""The schema of a table as its spec says: checked before any Spark job."""

from pyspark.sql import DataFrame

from longplay.errors import QualityError
from tables.spec import TableSpec


def check_schema(frame: DataFrame, spec: TableSpec) -> None:
    """See that the columns are those of the spec, in type and order.

    Raises:
        QualityError: naming the first column that is wrong.
    """
    found = dict(frame.dtypes)
    for column in spec.columns:
        if found.get(column.name) != column.type:
            raise QualityError(
                f"Column '{column.name}' of '{spec.name}' is not as its spec says.",
                where=f"table {spec.name}",
                got=found.get(column.name, "no such column"),
                fix=f"the spec says {column.type}",
            )
    extra = [
        name for name in found if name not in spec.column_names() and not name.startswith(spec.families or ("\0",))
    ]
    if extra:
        raise QualityError(
            f"'{spec.name}' has columns that its spec does not know.",
            where=f"table {spec.name}",
            got=", ".join(extra),
            fix=f"leave them out, or add them to the spec; it knows {', '.join(spec.column_names())}",
        )
    order = [name for name in found if name in spec.column_names()]
    if order != spec.column_names():
        raise QualityError(
            f"The columns of '{spec.name}' are not in the order of its spec.",
            where=f"table {spec.name}",
            got=", ".join(order),
            fix=f"the spec says {', '.join(spec.column_names())}",
        )
