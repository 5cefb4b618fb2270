"""Races the last value as of a moment: Longplay, tempo, Feast on Spark, Feast on DuckDB, and hand-written DuckDB.

    python -m bench.last_value --peers /path/to/peers/bin/python

2,000,000 facts of five doubles, 200,000 spine rows; 10, 100 and 1,000 facts per user, and one user with 175,000 of
them. Each contender reads the same Parquet files. Longplay's answer is exact for facts that were known late and for
corrections; the plain cases have neither, so that all contenders answer the same question.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.race import Contender, arguments, race, scratch, table

DAYS, US = 180, 86_400_000_000
EPOCH = 1_735_689_600_000_000  # 1 January 2025


def write(folder: Path, facts: int, spine: int, per_user: int, hot: int = 0, columns: int = 5) -> None:
    """Write facts and spine as Parquet; ``hot`` facts belong to one user."""
    rng = np.random.default_rng(per_user + hot)
    users = np.repeat(np.arange((facts - hot) // per_user), per_user)
    users = np.concatenate([users, np.full(facts - len(users), 10**6)])
    when = EPOCH + rng.integers(0, DAYS * US, len(users))
    spine_users = rng.choice(np.unique(users), spine)
    if hot:
        spine_users[: spine // 10] = 10**6
    values = {f"x{n}": rng.normal(size=len(users)) for n in range(columns)}
    order = rng.permutation(len(users))
    table = {"user_id": _ids(users), "event_ts": _moments(when), "known_ts": _moments(when), **values}
    folder.mkdir(parents=True)
    pq.write_table(pa.table(table).take(order), folder / "facts.parquet", row_group_size=250_000)
    at = EPOCH + rng.integers(0, DAYS * US, spine)
    pq.write_table(
        pa.table({"row_id": np.arange(spine), "user_id": _ids(spine_users), "as_of": _moments(at)}),
        folder / "spine.parquet",
    )


def _ids(numbers: NDArray[np.int64]) -> pa.Array:
    return pa.array([f"user-{n:07d}" for n in numbers.tolist()])


def _moments(numbers: NDArray[np.int64]) -> pa.Array:
    return pa.array(numbers, pa.int64()).cast(pa.timestamp("us", "UTC"))


def truth(folder: Path) -> dict[str, float]:
    """Compute what every contender must return by a plain search: rows, rows with a value, and the sum of x0."""
    facts, spine = pq.read_table(folder / "facts.parquet"), pq.read_table(folder / "spine.parquet")
    codes = pa.concat_arrays([facts["user_id"].combine_chunks(), spine["user_id"].combine_chunks()]).dictionary_encode()
    keys = codes.indices.to_numpy()
    times, at = (t.cast(pa.int64()).to_numpy() for t in (facts["event_ts"], spine["as_of"]))
    order = np.lexsort((times, keys[: len(facts)]))
    packed = keys[: len(facts)][order].astype(np.int64) * 2**44 + times[order] - EPOCH
    position = np.searchsorted(packed, keys[len(facts) :].astype(np.int64) * 2**44 + at - EPOCH) - 1
    hit = (position >= 0) & (keys[: len(facts)][order][np.maximum(position, 0)] == keys[len(facts) :])
    return {
        "rows": len(spine),
        "found": int(hit.sum()),
        "sum": float(facts["x0"].to_numpy()[order[position[hit]]].sum()),
    }


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--facts", type=int, default=2_000_000)
    parser.add_argument("--spine", type=int, default=200_000)
    parser.add_argument("--only", nargs="*", help="contenders to run")
    parser.add_argument("--shapes", nargs="*", default=["10", "100", "1000", "hot"])
    args = parser.parse_args()
    folder = scratch("last-value")
    requests: dict[str, dict[str, Any]] = {}
    for shape in args.shapes:
        per_user, hot = (100, args.facts * 7 // 80) if shape == "hot" else (int(shape), 0)
        write(folder / shape, args.facts, args.spine, per_user, hot)
        requests[shape] = {"folder": str(folder / shape), "truth": truth(folder / shape)}
    commands = {"longplay": [sys.executable, "-m", "bench.last_value_longplay"]}
    if args.peers:
        for name in ("tempo", "feast_spark", "feast_duckdb", "duckdb"):
            commands[name] = [args.peers, "-m", f"bench.peers.last_value_{name}"]
    chosen = [
        Contender(name, command, args.limit, folder / f"{name}.log")
        for name, command in commands.items()
        if not args.only or name in args.only
    ]
    rows = race(chosen, requests, args.runs)
    for row in rows:
        row["wrong"] = _wrong(row, requests[row["case"]]["truth"])
    print(table(rows, "longplay"))
    print(json.dumps(rows), file=sys.stderr)


def _wrong(row: dict[str, Any], expected: dict[str, float]) -> str:
    if "failed" in row:
        return "-"
    differs = [k for k in ("rows", "found") if row.get(k) != expected[k]]
    return ", ".join(differs) or ("sum" if abs(row["sum"] - expected["sum"]) > 1e-6 else "nothing")


if __name__ == "__main__":
    main()
