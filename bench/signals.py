"""Races twelve signals of one anchor and grain against one: what do eleven more cost?

    python -m bench.signals

Events and exposures of ``bench.training_set``, 5 million events. ``one`` computes ``returns_to_item_28d@1``, ``twelve``
adds eleven more with the same anchor and keys: shipped ones, and sums, counts, caps and filters in SQL. Each runs in a
warm process of its own, in turn. ``computed`` computes every row and drops it; ``written`` writes them as Parquet,
which for twelve means twelve times as many rows.
"""

import json
import sys
from typing import Any

from bench.race import Contender, arguments, race, scratch, table
from bench.training_set import write
from longplay.definitions.signal import Definition
from longplay.registry.registry import default_registry

SHIPPED = ("returns_to_item_28d", "return_to_item_14d", "return_to_item_28d", "click", "regret")
ONE = SHIPPED[:1]


def twelve() -> list[Definition]:
    """Five shipped signals and seven of the bench's own, all with exposures as anchors and user_item as keys."""
    registry = default_registry()
    base = registry.get(ONE[0]).model_dump(mode="json", by_alias=True, exclude_none=True)
    weeks = {"kind": "calendar", "from": 1, "to": 28}
    day, sql = {"kind": "elapsed", "from": "0 s", "to": "1 d"}, {"kind": "sql", "empty": 0}
    own: dict[str, dict[str, Any]] = {
        "seconds_28d": {"measure": sql | {"expression": "sum(amount)"}, "filter": "is_consumption"},
        "plays_28d": {"measure": sql | {"expression": "count(*)"}, "filter": "is_consumption", "cap": {"high": 20}},
        "longest_28d": {"measure": sql | {"expression": "max(amount)"}},
        "first_day_28d": {
            "measure": {"kind": "sql", "expression": "coalesce(min(day), 29)"},
            "filter": "is_consumption",
        },
        "rejected_1d": {"measure": {"kind": "any", "of": "negative"}, "window": day},
        "returns_discounted": {"discount": {"gamma": 0.9}},
        "weekly_28d": {"measure": {"kind": "weeks", "of": "consumption", "weeks": 2, "days": 1}},
    }
    mine = [Definition.model_validate({**base, "window": weeks, "quality": {}, "name": n, **f}) for n, f in own.items()]
    return [registry.get(name) for name in SHIPPED] + mine


def main() -> None:
    """Race and print."""
    parser = arguments(__doc__)
    parser.add_argument("--millions", type=float, default=5)
    args = parser.parse_args()
    folder = scratch("signals")
    write(folder / "log", int(args.millions * 1_000_000))
    commands = {n: [sys.executable, "-m", "bench.signals_longplay", n, str(folder / "log")] for n in ("one", "twelve")}
    chosen = [Contender(name, command, args.limit, folder / f"{name}.log") for name, command in commands.items()]
    rows = race(chosen, {"computed": {"write": False}, "written": {"write": True}}, args.runs)
    print(table(rows, "one"))
    print(json.dumps(rows), file=sys.stderr)


if __name__ == "__main__":
    main()
