"""Compares the last value as of a moment on hard cases: Longplay, Feast (on Spark and on DuckDB) and tempo.

    python -m bench.correctness --peers /path/to/peers/bin/python

Each case is a small table with one difficulty: ties, keys that collide when concatenated, late and restated facts,
facts exactly at ``as_of``, a hot key, nulls, repeated rows, and all of it at random. Every contender reads the same
Parquet files and is used as its documentation advises. A plain search in Python gives the right answer: of the facts
with ``max(event_ts, known_ts) < as_of`` the one with the newest ``event_ts``; of its versions the one known last; of
equal ones the one with the larger ``x0``. Takes five to ten minutes on two cores, mostly for Spark to start and
compile.

How to read a cell:
    right        one row for each spine row, with the values of the plain search
    n wrong      spine rows that did not get exactly their one row
    n under <=   the same if facts at ``as_of`` itself count, as Feast and tempo intend; shown where it differs
    n leak       answers with a value that became known only after ``as_of``
    n mixed      answers with values of more than one fact
    n rows       number of answers, where it differs from the spine

Without --peers only Longplay is checked. Exit status 1: Longplay was wrong somewhere.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.race import Contender, scratch
from bench.verdicts import Verdict, compare_answer
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
    """Write a case as Parquet and return its request."""
    folder.mkdir(parents=True)
    pq.write_table(facts_table(case), folder / "facts.parquet")
    pq.write_table(spine_table(case), folder / "spine.parquet")
    return {"folder": str(folder), "keys": list(case.keys), "columns": case.columns}


def ask(contender: Contender, case: Case, request: Mapping[str, Any]) -> Verdict | str:
    """Ask a contender about a case; return the verdict, or the error in one line."""
    answer = contender.ask(request)
    if "failed" not in answer:
        return compare_answer(case, rows_of(case, pq.read_table(request["answer"])))
    lines = contender.log.read_text(errors="replace").split("\n") if contender.log else []
    return next((line.strip() for line in reversed(lines) if line.strip()), str(answer["failed"]))


def contenders(peers: str | None, folder: Path) -> Iterator[tuple[str, Contender, dict[str, Any]]]:
    """Give name, process and options of each; variants of a peer share its process."""
    contender_by_module: dict[str, Contender] = {}
    sides: dict[str, tuple[str, dict[str, Any]]] = {"Longplay": ("longplay", {})} | (PEERS if peers else {})
    for name, (module, options) in sides.items():
        python, package = (sys.executable, "bench") if module == "longplay" else (str(peers), "bench.peers")
        command = [python, "-m", f"{package}.correctness_{module}"]
        yield (
            name,
            contender_by_module.setdefault(module, Contender(module, command, 180.0, folder / f"{module}.log")),
            options,
        )


def collect(
    sides: Iterable[tuple[str, Contender, dict[str, Any]]], folder: Path, cases: Mapping[str, Case]
) -> dict[str, dict[str, Verdict | str]]:
    """Collect verdicts by contender and case; one contender's process runs at a time."""
    requests = {name: write(folder / name, case) for name, case in cases.items()}
    verdicts: dict[str, dict[str, Verdict | str]] = {}
    before: Contender | None = None
    for name, contender, options in sides:
        if before is not None and before is not contender:
            before.stop()
        before = contender
        verdicts[name] = {}
        for case, request in requests.items():
            answer = str(folder / case / f"{name}.parquet")
            verdicts[name][case] = ask(contender, cases[case], {**request, "options": options, "answer": answer})
            print(f"  {name}: {case}: {verdicts[name][case]}", file=sys.stderr, flush=True)
    if before is not None:
        before.stop()
    return verdicts


def table(cases: Mapping[str, Case], verdicts: Mapping[str, Mapping[str, Verdict | str]]) -> str:
    """Render cases by contenders as a Markdown table."""
    lines = [f"| case | rows in | {' | '.join(verdicts)} |", "|---" * (len(verdicts) + 2) + "|"]
    for name, case in cases.items():
        cells = [
            by_case[name] if isinstance(by_case[name], Verdict) else f"error: {by_case[name]}"
            for by_case in verdicts.values()
        ]
        lines.append(f"| {name} | {len(case.spine)} | {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="Python of an environment with bench/peers/requirements.txt")
    parser.add_argument("--cases", nargs="*", metavar="WORD", help="only cases whose name contains one of these words")
    parser.add_argument(
        "--only", nargs="*", metavar="WORD", help="only contenders whose name contains one of these words"
    )
    args = parser.parse_args()
    chosen = {c.name: c for c in all_cases() if not args.cases or any(word in c.name for word in args.cases)}
    folder = scratch("correctness")
    sides = [s for s in contenders(args.peers, folder) if not args.only or any(word in s[0] for word in args.only)]
    verdicts = collect(sides, folder, chosen)
    print(table(chosen, verdicts))
    sys.exit(any(not isinstance(v, Verdict) or not v.right for v in verdicts.get("Longplay", {}).values()))


if __name__ == "__main__":
    main()
