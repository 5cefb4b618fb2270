"""One signal of an index: its rows in order and sorted hashes of its ids, all mapped from one Arrow file.

Rows are ordered by t0, anchor_id, known_ts, revision. Further columns of the same length hold the sorted hashes of
anchors, users and items with the number of each hash's row, so bisection finds an id and its rows in order. Hashes only
find candidates; the ids themselves decide.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pandas.util import hash_array

from longplay.errors import StoreError, first_line
from longplay.lookup.values import VALUE_COLUMNS, VALUE_ORDER, check_states, equals_next

Rows = npt.NDArray[np.int64]
ID_COLUMNS = ("anchor_id", "user_id", "item_id")
_ENCODED = ("signal", "definition_hash", "state", "void_reason")
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())


class Segment:
    """The mapped rows of one signal. Opening a segment reads only the footer of its file.

    Args:
        path: the file.

    Raises:
        StoreError: when it is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        try:
            batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                "An index file is damaged.", where=str(path), got=first_line(error), fix="delete its folder"
            ) from error
        self.rows = batch.select(VALUE_COLUMNS)
        self.t0: Rows = _numbers(batch, "t0")
        self.known_ts: Rows = _numbers(batch, "known_ts")
        self.group = batch.column("group").to_numpy()
        self._hashes = {key: (_numbers(batch, f"{key}_hash"), _numbers(batch, f"{key}_row")) for key in ID_COLUMNS}
        state = batch.column("state")
        self._codes, self._states = state.indices.to_numpy(), state.dictionary.to_pylist()

    def __len__(self) -> int:
        """Number of rows, revisions included."""
        return int(self.rows.num_rows)

    def candidates(self, key: str, value: str) -> Rows:
        """Numbers of the rows that may have this id, in order. Shape: (candidates,)."""
        hashes, rows = self._hashes[key]
        hash_ = hash_ids([value])
        low, high = np.searchsorted(hashes, hash_, "left")[0], np.searchsorted(hashes, hash_, "right")[0]
        candidates: Rows = rows[low:high].astype(np.int64)
        return candidates

    def equal(self, key: str, rows: Rows, value: str) -> npt.NDArray[np.bool_]:
        """Whether each row has this id. Shape: (rows,)."""
        same = pc.equal(self.rows.column(key).take(pa.array(rows)), value).fill_null(False)
        mask: npt.NDArray[np.bool_] = same.to_numpy(zero_copy_only=False)
        return mask

    def in_states(self, rows: Rows, states: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether each row is in one of the states. Shape: (rows,)."""
        codes = [code for code, state in enumerate(self._states) if state in states]
        return np.isin(self._codes[rows], codes)

    def anchor(self, row: int) -> str:
        """The anchor_id of a row."""
        return str(self.rows.column("anchor_id")[row].as_py())

    def to_dicts(self, rows: Rows) -> list[dict[str, Any]]:
        """Rows as mappings of ``VALUE_COLUMNS``."""
        dicts: list[dict[str, Any]] = self.rows.take(pa.array(rows)).to_pylist()
        return dicts


def hash_ids(ids: Sequence[str]) -> npt.NDArray[np.uint64]:
    """64-bit hashes of ids. Shape: (ids,)."""
    return hash_array(np.array(ids, dtype=object), categorize=False)


def write_segment(rows: pa.Table, path: Path) -> None:
    """Write the index file of one signal.

    Args:
        rows: ``VALUE_COLUMNS`` of one signal, with every revision in the release.
        path: the file.

    Raises:
        StoreError: when a row has a value without being mature, or is mature without a value.
    """
    check_states(rows)
    ordered = rows.sort_by(VALUE_ORDER).combine_chunks()
    ends = ~equals_next(ordered["anchor_id"])
    arrays = {name: ordered[name] for name in VALUE_COLUMNS}
    arrays |= {name: ordered[name].cast(_DICTIONARY) for name in _ENCODED}
    arrays["group"] = pa.array((np.cumsum(ends) - ends).astype(np.uint32))
    for key in ID_COLUMNS:
        hashes = hash_array(ordered[key].fill_null("").to_numpy())
        order = np.argsort(hashes, kind="stable")
        arrays[f"{key}_hash"] = pa.array(hashes[order])
        arrays[f"{key}_row"] = pa.array(order.astype(np.uint32))
    table = pa.table(arrays).combine_chunks()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _numbers(batch: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    """A column without nulls as numbers, times in microseconds since 1970, without a copy."""
    column = batch.column(name)
    numbers: npt.NDArray[Any] = (column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_numpy()
    return numbers
