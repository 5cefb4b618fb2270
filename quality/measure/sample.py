"""A sample of a publication's rows and its shapes: what values look like, beside those of earlier publications.

Which rows are sampled is decided by a hash of what they say, so rows that say the same are sampled together.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tables.checks import Sampled
from tables.spec import TableSpec

ROWS = 50_000
"""About so many rows are sampled at most."""
KEPT_IDS, KEPT_VALUES = 1_000, 100
"""So many ids (``familiar``, ``recurs``) and shares of values (``mix``) of a publication are remembered at most."""


@dataclass(frozen=True)
class Shapes:
    """What a sample looks like.

    Attributes:
        rows: that were sampled.
        numbers: of each check, by its name; what rests on earlier publications is missing for the first.
        memory: what later publications are compared with, by name of the check: ids, or shares by value.
    """

    rows: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


def sample(frame: DataFrame, spec: TableSpec, rows: int) -> pa.Table | None:
    """Columns of the ``Sampled`` checks, of about ``ROWS`` rows; None where a table has no such check."""
    checks = [check for check in spec.checks if isinstance(check, Sampled)]
    if not checks:
        return None
    columns = list(dict.fromkeys(name for check in checks for name in check.columns))
    one_in = max(1, rows // ROWS)
    chosen = frame
    if one_in > 1:
        chosen = frame.where(F.pmod(F.xxhash64(*map(F.expr, _saying(spec, checks))), F.lit(one_in)) == 0)
    return chosen.select(*[F.expr(sql).cast("string").alias(sql) for sql in columns]).toArrow()


def _saying(spec: TableSpec, checks: Sequence[Sampled]) -> list[str]:
    """The columns whose repetition is looked for, so that rows that repeat are sampled together; else the grain."""
    repeated = [check.columns for check in checks if check.shape == "repeats"]
    return list(repeated[0]) if repeated else list(spec.grain)


def shapes(rows: pa.Table, checks: Sequence[Sampled], before: Sequence[Mapping[str, Any]]) -> Shapes:
    """The number and the memory of each check.

    Args:
        rows: the sample.
        checks: what to look at.
        before: memories of earlier publications.
    """
    numbers: dict[str, float] = {}
    memory: dict[str, Any] = {}
    for check in checks:
        values, counts = counted(rows, check.columns)
        total = int(counts.sum())
        if not total:
            continue
        earlier = [told[check.name] for told in before if check.name in told]
        if check.shape == "repeats":
            numbers[check.name] = float((counts - 1).sum()) / total
        elif check.shape == "topShare":
            numbers[check.name] = float(counts.max()) / total
        elif check.shape in ("familiar", "recurs"):
            memory[check.name] = remembered(values)
            if earlier:
                numbers[check.name] = familiar(values, counts, earlier)
        else:
            memory[check.name] = shares(values, counts)
            if earlier:
                numbers[check.name] = moved(memory[check.name], earlier, total)
    return Shapes(rows.num_rows, numbers, memory)


def counted(rows: pa.Table, columns: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The different values of some columns together, as text, and how often each is there; null is a value."""
    texts = [pc.fill_null(rows[name], "(null)") for name in columns]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\x1f")
    found = pc.value_counts(joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined)
    return (
        np.asarray(found.field("values").to_pylist(), dtype=object),
        np.asarray(found.field("counts").to_numpy(), np.int64),
    )


def fingerprints(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """64 bits of each text, the same in every process."""
    digests = (hashlib.blake2b(str(value).encode(), digest_size=8).digest() for value in values)
    return np.fromiter((int.from_bytes(digest) for digest in digests), np.uint64, len(values))


def remembered(values: npt.NDArray[Any]) -> dict[str, Any]:
    """Ids to remember: those with the smallest fingerprints, and up to where (all ids below were looked at)."""
    ordered = np.unique(fingerprints(values))[:KEPT_IDS]
    below = int(ordered[-1]) if len(ordered) == KEPT_IDS else (1 << 64) - 1
    return {"below": below, "ids": [int(one) for one in ordered]}


def familiar(values: npt.NDArray[Any], counts: npt.NDArray[np.int64], earlier: Sequence[Mapping[str, Any]]) -> float:
    """Share of rows whose id was there before, among the ids that every memory would hold."""
    prints, below = fingerprints(values), min(int(told["below"]) for told in earlier)
    known = np.unique(np.concatenate([np.asarray(told["ids"], np.uint64) for told in earlier]))
    looked = prints <= np.uint64(below)
    of = int(counts[looked].sum())
    return float(counts[looked & np.isin(prints, known)].sum()) / of if of else 1.0


def shares(values: npt.NDArray[Any], counts: npt.NDArray[np.int64]) -> dict[str, float]:
    """The share of each of the most frequent values."""
    order = np.argsort(-counts, kind="stable")[:KEPT_VALUES]
    return {str(values[n]): round(float(counts[n]) / float(counts.sum()), 6) for n in order}


def moved(now: Mapping[str, float], earlier: Sequence[Mapping[str, float]], rows: int) -> float:
    """Share of rows that would have to change their value to be distributed as before (total variation).

    Less what chance alone moves: about sqrt(k / (2 pi n)) of n rows with k values that are equally frequent.
    """
    names = {name for told in [now, *earlier] for name in told}
    before = {name: sum(told.get(name, 0.0) for told in earlier) / len(earlier) for name in names}
    distance = sum(abs(now.get(name, 0.0) - before[name]) for name in names) / 2
    return max(0.0, distance - math.sqrt(len(names) / (2 * math.pi * rows)))
