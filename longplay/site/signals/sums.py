"""What is summed up of signal values: by day, by value, by age, and in total."""

import pyarrow as pa
import pyarrow.compute as pc

from longplay.site.signals.aggregates import Fold, Levels

KEY = ("signal", "definition_hash")
HOUR_US = 3_600_000_000


class Sums:
    """The sums of one source while they grow."""

    def __init__(self) -> None:
        self.days = Fold((*KEY, "t0_day", "state", "void_reason"), {"rows": "sum", "value": "sum"})
        spread = {"rows": "sum", "value": "sum", "square": "sum", "low": "min", "high": "max"}
        self.totals = Fold(KEY, spread)
        self.ages = Fold((*KEY, "age_h"), {"rows": "sum", "prefix": "sum"})
        self.known = Fold(KEY, {"rows": "sum", "known_ts": "max"})
        self.levels = Levels(KEY)

    def add(self, rows: pa.Table) -> None:
        """Add rows, each the newest of its anchor."""
        rows = rows.append_column("rows", pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows))
        self.days.add(rows)
        self.known.add(rows)
        mature, value = rows.filter(pc.field("state") == "mature"), "value"
        mature = mature.append_column("square", pc.multiply(mature[value], mature[value]))
        self.totals.add(mature.append_column("low", mature[value]).append_column("high", mature[value]))
        self.levels.add(mature)
        opened = rows.filter(pc.field("state") == "open")
        age = pc.divide(pc.subtract(opened["known_ts"].cast(pa.int64()), opened["t0"].cast(pa.int64())), HOUR_US)
        self.ages.add(opened.append_column("age_h", age))

    def tables(self) -> dict[str, pa.Table]:
        """The sums by name."""
        named = {"days": self.days, "totals": self.totals, "ages": self.ages, "known": self.known}
        return {name: fold.table() for name, fold in named.items()} | {"levels": self.levels.table()}
