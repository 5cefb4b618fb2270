"""Cases of the last value as Arrow tables, and a join's answer to one as plain rows."""

import pyarrow as pa

from tests.reference.last_by_hand import Case, Key, SpineRow, Values


def facts_table(case: Case) -> pa.Table:
    """The facts as Arrow: keys, ``event_ts``, ``known_ts``, ``x0``, ``x1``..."""
    payload = [f.values(case.columns) for f in case.facts]
    columns = {f"x{n}": pa.array([row[n] for row in payload], pa.float64()) for n in range(case.columns)}
    times = {
        "event_ts": _moments([f.event for f in case.facts]),
        "known_ts": _moments([f.known_us for f in case.facts]),
    }
    return pa.table({**_keys(case, [f.key for f in case.facts]), **times, **columns})


def spine_table(case: Case) -> pa.Table:
    """The asking rows as Arrow: keys and ``as_of``."""
    return pa.table(
        {**_keys(case, [key for key, _ in case.spine]), "as_of": _moments([when for _, when in case.spine])}
    )


def rows_of(case: Case, answer: pa.Table) -> list[tuple[SpineRow, Values]]:
    """A join's answer as plain rows: key, ``as_of`` and payload; NaN is null."""
    plain = answer.to_pydict() | {"as_of": answer["as_of"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()}
    keys = zip(*(plain[name] for name in case.keys), strict=True)
    values = zip(*([None if v != v else v for v in plain[f"x{n}"]] for n in range(case.columns)), strict=True)
    return list(zip(zip(keys, plain["as_of"], strict=True), values, strict=True))


def _keys(case: Case, keys: list[Key]) -> dict[str, pa.Array]:
    return {name: pa.array([key[n] for key in keys], pa.string()) for n, name in enumerate(case.keys)}


def _moments(numbers: list[int]) -> pa.Array:
    return pa.array(numbers, pa.int64()).cast(pa.timestamp("us", "UTC"))
