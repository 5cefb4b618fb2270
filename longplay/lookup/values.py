"""Values of a signal as known at a moment: a page of values, or one. An open value is null, never a number."""

from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from longplay.errors import EnvironmentProblem, StoreError
from longplay.lookup.releases import VALUES_TABLE
from longplay.lookup.signal_failures import SignalFailure

if TYPE_CHECKING:
    import pandas as pd

VALUE_COLUMNS = (
    "signal",
    "definition_hash",
    "anchor_id",
    "user_id",
    "item_id",
    "t0",
    "window_end",
    "matures_at",
    "state",
    "void_reason",
    "value",
    "prefix",
    "elapsed_share",
    "known_ts",
    "revision",
)
"""Columns of ``signal_values`` that readers get; the table's contract describes them."""
VALUE_ORDER = [("t0", "ascending"), ("anchor_id", "ascending"), ("known_ts", "ascending"), ("revision", "ascending")]
"""Sort order that groups the rows of an anchor, newest last."""


@dataclass(frozen=True)
class Values:
    """A page of values, ordered by t0, then anchor_id. Grain: anchor_id.

    Attributes:
        table: the rows: ``release_id``, then ``VALUE_COLUMNS``. ``value`` is null unless ``state`` is ``mature``.
        signal: pinned name.
        release_id: the release that was read.
        known_at: the moment (UTC) as of which the rows are known.
        next: cursor of the next page, to pass as ``after``; None on the last page.
        failure: why the values are stale, if the signal failed before the release; None: they are as new as the others.
    """

    table: pa.Table
    signal: str
    release_id: str
    known_at: datetime
    next: str | None
    failure: SignalFailure | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    @property
    def more(self) -> bool:
        """Whether there is a next page."""
        return self.next is not None

    def arrow(self) -> pa.Table:
        """The page as an Arrow table."""
        return self.table

    def pandas(self) -> "pd.DataFrame":
        """The page as a pandas DataFrame."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def polars(self) -> Any:  # noqa: ANN401 - polars is optional
        """The page as a polars DataFrame.

        Raises:
            EnvironmentProblem: when polars is not installed.
        """
        if find_spec("polars") is None:
            raise EnvironmentProblem("polars is not installed.", fix="pip install polars, or use .arrow() or .pandas()")
        import polars  # type: ignore[import-not-found]  # optional

        return polars.from_arrow(self.table)


@dataclass(frozen=True)
class Value:
    """One value. ``value`` is None unless ``state`` is ``mature``; the other fields are those of ``signal_values``.

    ``failure`` says why it is stale, if the signal failed before the release.
    """

    release_id: str
    known_at: datetime
    signal: str
    definition_hash: str
    anchor_id: str
    user_id: str
    item_id: str | None
    t0: datetime
    window_end: datetime
    matures_at: datetime
    state: str
    void_reason: str | None
    value: float | None
    prefix: float | None
    elapsed_share: float
    known_ts: datetime
    revision: int
    failure: SignalFailure | None = None


def select_newest(rows: pa.Table) -> pa.Table:
    """Select the newest row of every anchor, by known_ts, then revision. Ordered by t0, then anchor_id.

    Args:
        rows: one signal's rows that were known at the requested moment. Grain: anchor_id, revision.
    """
    ordered = rows.sort_by(VALUE_ORDER).combine_chunks()
    return ordered.filter(pa.array(~equals_next(ordered["anchor_id"])))


def equals_next(column: pa.ChunkedArray) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Whether each entry equals the next one; false for the last. Shape: (rows,)."""
    if not len(column):
        return np.zeros(0, dtype=bool)
    equal = pc.equal(column.slice(0, len(column) - 1), column.slice(1)).to_numpy()
    return np.append(equal.astype(bool), False)


def check_states(rows: pa.Table) -> None:
    """Check that rows have a value if and only if they are mature.

    Raises:
        StoreError: when a row breaks the rule; names its anchor.
    """
    broken = pc.not_equal(pc.equal(rows["state"], "mature"), pc.is_valid(rows["value"]))
    if pc.any(broken).as_py():
        first = rows.filter(broken).slice(0, 1).to_pylist()[0]
        raise StoreError(
            f"'{VALUES_TABLE}' is inconsistent: rows must have a value if and only if they are mature.",
            where=f"{first['signal']}, anchor_id {first['anchor_id']}",
            got=f"state {first['state']}, value {first['value']}",
            fix="rebuild the signals: 'longplay build-signals --force', then 'longplay release'",
        )
