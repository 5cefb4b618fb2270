"""A sample of a publication's rows, and its shapes: what values look like, compared with earlier publications.

Rows are sampled by a hash of their content, so rows with the same content are sampled together.
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

Counts64 = npt.NDArray[np.int64]
SAMPLE_ROWS = 50_000
"""Approximate size of a sample, at most."""
MAX_REMEMBERED_IDS, MAX_REMEMBERED_VALUES = 1_000, 100
"""Limits of a publication's memory: ids (``familiar``, ``recurs``) and shares of values (``mix``)."""


@dataclass(frozen=True)
class Shapes:
    """The shapes of a sample. The gate's verdicts store it with these names.

    Attributes:
        rows: size of the sample.
        numbers: by name of the check. A first publication lacks those that compare with earlier ones.
        memory: what later publications compare with, by name of the check: ids, or shares by value.
    """

    rows: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


def draw_sample(frame: DataFrame, spec: TableSpec, rows: int) -> pa.Table | None:
    """Read the columns of the ``Sampled`` checks of about ``SAMPLE_ROWS`` rows; None without such checks or rows."""
    checks = [check for check in spec.checks if isinstance(check, Sampled)]
    if not checks or not rows:
        return None
    columns = list(dict.fromkeys(name for check in checks for name in check.columns))
    one_in = max(1, rows // SAMPLE_ROWS)
    sample = frame
    if one_in > 1:
        sample = frame.where(F.pmod(F.xxhash64(*map(F.expr, _hashed_columns(spec, checks))), F.lit(one_in)) == 0)
    return sample.select(*[F.expr(sql).cast("string").alias(sql) for sql in columns]).toArrow()


def _hashed_columns(spec: TableSpec, checks: Sequence[Sampled]) -> list[str]:
    """The columns whose repeats are counted, so that repeats are sampled together; else the grain."""
    repeated = [check.columns for check in checks if check.shape == "repeats"]
    return list(repeated[0]) if repeated else list(spec.grain)


def measure_shapes(sample: pa.Table, checks: Sequence[Sampled], memories: Sequence[Mapping[str, Any]]) -> Shapes:
    """Compute the number and the memory of each check.

    Args:
        sample: rows from ``draw_sample``.
        checks: the shapes to measure.
        memories: of earlier publications.
    """
    numbers: dict[str, float] = {}
    memory: dict[str, Any] = {}
    for check in checks:
        values, counts = count_values(sample, check.columns)
        total = int(counts.sum())
        if not total:
            continue
        earlier = [remembered[check.name] for remembered in memories if check.name in remembered]
        if check.shape == "repeats":
            numbers[check.name] = float((counts - 1).sum()) / total
        elif check.shape == "topShare":
            numbers[check.name] = float(counts.max()) / total
        elif check.shape in ("familiar", "recurs"):
            memory[check.name] = remember_ids(values)
            if earlier:
                numbers[check.name] = familiar_share(values, counts, earlier)
        else:
            memory[check.name] = top_shares(values, counts)
            if earlier:
                numbers[check.name] = moved_share(memory[check.name], earlier, total)
    return Shapes(sample.num_rows, numbers, memory)


def count_values(sample: pa.Table, columns: Sequence[str]) -> tuple[npt.NDArray[Any], Counts64]:
    """Count the distinct combinations of some columns, as text; null is a value."""
    texts = [pc.fill_null(sample[name], "(null)") for name in columns]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\x1f")
    value_counts = pc.value_counts(joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined)
    return (
        np.asarray(value_counts.field("values").to_pylist(), dtype=object),
        np.asarray(value_counts.field("counts").to_numpy(), np.int64),
    )


def fingerprint_values(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Hash each text to 64 bits, the same in every process."""
    digests = (hashlib.blake2b(str(value).encode(), digest_size=8).digest() for value in values)
    return np.fromiter((int.from_bytes(digest) for digest in digests), np.uint64, len(values))


def remember_ids(values: npt.NDArray[Any]) -> dict[str, Any]:
    """Remember the ids with the smallest fingerprints, and the fingerprint up to which they are complete."""
    ordered = np.unique(fingerprint_values(values))[:MAX_REMEMBERED_IDS]
    below = int(ordered[-1]) if len(ordered) == MAX_REMEMBERED_IDS else (1 << 64) - 1
    return {"below": below, "ids": [int(fingerprint) for fingerprint in ordered]}


def familiar_share(values: npt.NDArray[Any], counts: Counts64, memories: Sequence[Mapping[str, Any]]) -> float:
    """Compute the share of rows whose id occurred before, among the ids that every memory would contain."""
    fingerprints, below = fingerprint_values(values), min(int(memory["below"]) for memory in memories)
    remembered = np.unique(np.concatenate([np.asarray(memory["ids"], np.uint64) for memory in memories]))
    is_covered = fingerprints <= np.uint64(below)
    covered_rows = int(counts[is_covered].sum())
    familiar_rows = float(counts[is_covered & np.isin(fingerprints, remembered)].sum())
    return familiar_rows / covered_rows if covered_rows else 1.0


def top_shares(values: npt.NDArray[Any], counts: Counts64) -> dict[str, float]:
    """Compute the share of each of the most frequent values."""
    order = np.argsort(-counts, kind="stable")[:MAX_REMEMBERED_VALUES]
    return {str(values[n]): round(float(counts[n]) / float(counts.sum()), 6) for n in order}


def moved_share(shares: Mapping[str, float], earlier: Sequence[Mapping[str, float]], rows: int) -> float:
    """Compute the share of rows that would have to change their value to restore the mean earlier distribution.

    This is the total variation distance, less what chance alone contributes: about sqrt(k / (2 pi n)) for n rows with
    k equally frequent values.
    """
    names = {name for distribution in [shares, *earlier] for name in distribution}
    mean = {name: sum(distribution.get(name, 0.0) for distribution in earlier) / len(earlier) for name in names}
    distance = sum(abs(shares.get(name, 0.0) - mean[name]) for name in names) / 2
    return max(0.0, distance - math.sqrt(len(names) / (2 * math.pi * rows)))
