"""The last value as of a moment on hard cases: Longplay beside Feast (on Spark and on DuckDB) and tempo.

    python -m bench.correctness --peers /path/to/peers/bin/python

Small tables, each with one difficulty: ties, keys that read alike when glued together, late and restated facts, facts
exactly at ``as_of``, a hot key, nulls, repeated rows, and all of it at random. Every contender gets the same Parquet
files and is used as its documentation advises; a plain search in Python says what is right: of the facts with
``max(event_ts, known_ts) < as_of`` the one with the newest ``event_ts``, of its versions the one known last, of equal
ones the one with the larger ``x0``. It takes five to ten minutes on two cores, most of it Spark
starting and compiling.

How to read a cell:
    right        one row for each row that asked, with the values of the plain search
    n wrong      rows that asked and did not get exactly their one row
    n under <=   the same under the rule that a fact at ``as_of`` itself is seen, which Feast and tempo have by design;
                 said where it differs
    n leak       answered rows with a value that was known only after ``as_of``
    n mixed      answered rows with values of more than one fact
    n rows       how many rows came back, where they are not as many as asked

Without --peers Longplay is checked alone. Exit status 1 says that Longplay was wrong somewhere.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.race import Contender, scratch
from bench.verdicts import Verdict, judge
from tests.reference.last_by_hand import Case
from tests.reference.last_cases import all_cases
from tests.reference.last_tables import facts_table, rows_of, spine_table

CUTOFF = {"filter_by_created_timestamp": True}
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Feast Spark": ("feast_spark", {}),
    "Feast Spark, created cutoff": ("feast_spark", CUTOFF),
    "Feast DuckDB": ("feast_duckdb", {}),
    "Feast DuckDB, created cutoff": ("feast_duckdb", CUTOFF),
    "tempo": ("tempo", {"skip_nulls": True}),
    "tempo, rows whole": ("tempo", {"skip_nulls": False}),
    "tempo, by known time": ("tempo", {"skip_nulls": False, "by_known": True}),
}


def write(folder: Path, case: Case) -> dict[str, Any]:
    """A case as Parquet, and the request that asks about it."""
    folder.mkdir(parents=True)
    pq.write_table(facts_table(case), folder / "facts.parquet")
    pq.write_table(spine_table(case), folder / "spine.parquet")
    return {"folder": str(folder), "keys": list(case.keys), "columns": case.columns}


def ask(contender: Contender, case: Case, request: Mapping[str, Any]) -> Verdict | str:
    """One contender's verdict on one case, or the error in one line."""
    said = contender.ask(request)
    if "failed" not in said:
        return judge(case, rows_of(case, pq.read_table(request["answer"])))
    lines = contender.log.read_text(errors="replace").split("\n") if contender.log else []
    return next((line.strip() for line in reversed(lines) if line.strip()), str(said["failed"]))


def contenders(peers: str | None, folder: Path) -> Iterator[tuple[str, Contender, dict[str, Any]]]:
    """Name, process and options of each; a peer's process answers all of its columns."""
    made: dict[str, Contender] = {}
    sides: dict[str, tuple[str, dict[str, Any]]] = {"Longplay": ("longplay", {})} | (PEERS if peers else {})
    for name, (module, options) in sides.items():
        python, package = (sys.executable, "bench") if module == "longplay" else (str(peers), "bench.peers")
        command = [python, "-m", f"{package}.correctness_{module}"]
        yield name, made.setdefault(module, Contender(module, command, 180.0, folder / f"{module}.log")), options


def collect(
    sides: Iterable[tuple[str, Contender, dict[str, Any]]], folder: Path, cases: Mapping[str, Case]
) -> dict[str, dict[str, Verdict | str]]:
    """By contender and case, the verdict; one contender's process runs at a time."""
    requests = {name: write(folder / name, case) for name, case in cases.items()}
    found: dict[str, dict[str, Verdict | str]] = {}
    before: Contender | None = None
    for name, contender, options in sides:
        if before is not None and before is not contender:
            before.stop()
        before = contender
        found[name] = {}
        for case, request in requests.items():
            answer = str(folder / case / f"{name}.parquet")
            found[name][case] = ask(contender, cases[case], {**request, "options": options, "answer": answer})
            print(f"  {name}: {case}: {found[name][case]}", file=sys.stderr, flush=True)
    if before is not None:
        before.stop()
    return found


def table(cases: Mapping[str, Case], found: Mapping[str, Mapping[str, Verdict | str]]) -> str:
    """Case by contender, as Markdown."""
    lines = [f"| case | rows in | {' | '.join(found)} |", "|---" * (len(found) + 2) + "|"]
    for name, case in cases.items():
        cells = [one[name] if isinstance(one[name], Verdict) else f"error: {one[name]}" for one in found.values()]
        lines.append(f"| {name} | {len(case.spine)} | {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="Python of an environment with bench/peers/requirements.txt")
    parser.add_argument("--cases", nargs="*", metavar="WORD", help="only cases whose name has one of these words in it")
    parser.add_argument("--only", nargs="*", metavar="WORD", help="only contenders whose name has one of these words")
    args = parser.parse_args()
    chosen = {c.name: c for c in all_cases() if not args.cases or any(word in c.name for word in args.cases)}
    folder = scratch("correctness")
    sides = [s for s in contenders(args.peers, folder) if not args.only or any(word in s[0] for word in args.only)]
    found = collect(sides, folder, chosen)
    print(table(chosen, found))
    sys.exit(any(not isinstance(v, Verdict) or not v.right for v in found.get("Longplay", {}).values()))


if __name__ == "__main__":
    main()
