"""Times look-ups in a large registry from a cold start, including the start of Python.

``python -m bench.registry`` applies 2,000 signals with five versions each to a registry, and times every look-up
as a process of its own. Prints medians of five runs, after one that warms the disk cache.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from longplay.config.strict_model import validate_model
from longplay.definitions.signal import Definition
from longplay.registry import lifecycle
from longplay.registry.plan import ChangeTerms
from longplay.registry.records import Proposal

ROOT = Path(__file__).parents[1]
WORDS = [
    "album",
    "artist",
    "evening",
    "morning",
    "playlist",
    "podcast",
    "radio",
    "session",
    "skip",
    "stream",
    "weekly",
    "daily",
    "mood",
    "genre",
    "release",
]
LOOK_UPS = {
    "show, one signal": ["show", "{name}"],
    "show, an alias": ["show", "{name}@champion"],
    "show, an unknown name": ["show", "{name}x"],
    "list, a page": ["list"],
    "list, all as JSON": ["list", "--json"],
    "list, one owner": ["list", "--owner", "team_3", "--limit", "20"],
    "search, two words": ["search", "podcast", "evening"],
    "history": ["history", "{name}"],
    "diff, two versions": ["diff", "{name}@1", "{name}@5"],
    "plan, nothing new": ["plan", "{file}"],
}
_ENTRY = "from longplay.cli import main; main()"


def proposals(signals: int, versions: int, seed: int) -> Iterator[Proposal]:
    """Generate definitions with different names and owners; every version has its own window."""
    rng = random.Random(seed)
    for number in range(signals):
        name_words = rng.sample(WORDS, 3)
        data = {
            "name": f"{'_'.join(name_words)}_{number}",
            "title": f"{' '.join(name_words).capitalize()}, number {number}",
            "description": f"1 if the listener came back to the {' of the '.join(rng.sample(WORDS, 6))}.",
            "owner": f"team_{number % 40}",
            "status": "published",
            "direction": "higher_is_better",
            "unit": "0 or 1",
            "anchor": "exposure",
            "keys": "user_item",
            "lateness": "1 d",
            "measure": {"kind": "any", "of": "consumption"},
        }
        for version in range(1, versions + 1):
            versioned = {**data, "version": version, "window": {"kind": "calendar", "from": 1, "to": 6 + version}}
            text = yaml.dump(versioned, Dumper=yaml.CSafeDumper, sort_keys=False)
            yield Proposal(validate_model(Definition, versioned, "bench"), text, f"{data['name']}.v{version}.yaml")


def time_command(arguments: list[str]) -> float:
    """Time one command as a process of its own."""
    before = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(
        [sys.executable, "-c", _ENTRY, "signals", *arguments], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    if process.returncode not in (0, 7):
        sys.exit(f"{arguments} ended with {process.returncode}:\n{process.stderr}")
    return time.perf_counter() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=2000)
    parser.add_argument("--versions", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5, help="counted runs, after one that warms up")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        file, proposed = Path(folder) / "registry.db", list(proposals(args.signals, args.versions, args.seed))
        before = time.perf_counter()
        lifecycle.apply(file, proposed, ChangeTerms("bench"))
        took = time.perf_counter() - before
        print(f"{len(proposed):,} versions applied in {took:.1f} s; {file.stat().st_size / 1e6:.1f} MB")
        name = proposed[len(proposed) // 2].definition.name
        lifecycle.move_alias(file, f"{name}@champion", 2, ChangeTerms("bench"))
        definition_file = Path(folder) / "one.yaml"
        definition_file.write_text(next(p.text for p in proposed if p.definition.name == name), encoding="utf-8")
        for what, pattern in LOOK_UPS.items():
            arguments = [part.format(name=name, file=definition_file) for part in pattern]
            arguments += ["--registry", str(file)]
            taken = [time_command(arguments) for _ in range(args.runs + 1)][1:]
            print(f"{what:<32}{statistics.median(taken):.3f} s  ({min(taken):.3f} to {max(taken):.3f})")


if __name__ == "__main__":
    main()
