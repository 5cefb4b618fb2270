"""Fingerprints: which code decides the content of each table, and a hash over it.

A table is rebuilt when its fingerprint changes, so a table names the code that decides its content and nothing else:
editing a page, the server, a command or a model rebuilds no table.
"""

import hashlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from tables import catalog

DELIVERED_FACTS = ("ingest.log_state", "ingest.watermark", "jobs.runtime.publisher", "tables.checkpoint")
"""Modules that select the facts that a step reads: those of complete deliveries, or those new since its last run."""
_DEFINITIONS = ("longplay.config", "longplay.definitions", "signals", "tables.frame_union")
_HISTORIES = (*DELIVERED_FACTS, "features.histories", "jobs.build_histories")
_FEATURES = (
    *DELIVERED_FACTS,
    *(f"features.{name}" for name in ("cogrouped_buckets", "feature_facts", "feature_view", "packed_order")),
    *(f"features.{name}" for name in ("point_in_time_join", "shipped_views", "window_kernel")),
    "longplay.config",
    "tables.frame_union",
    "jobs.build_features",
)
_SIGNALS = (*DELIVERED_FACTS, *_DEFINITIONS, "jobs.runtime.signal_inputs")
_PROGRESSIVE = (*_SIGNALS, "signals.progressive", "jobs.build_progressive")
CONTENT_CODE: dict[str, tuple[str, ...]] = {
    "first_seen": (*DELIVERED_FACTS, "ingest.fact_tables", "jobs.runtime.deliveries"),
    "user_days": _HISTORIES,
    "item_days": _HISTORIES,
    "user_item_days": _HISTORIES,
    "item_exposure_days": _HISTORIES,
    "sequences": _HISTORIES,
    "exposure_features": _FEATURES,
    "item_features": _FEATURES,
    "signal_values": (*_SIGNALS, "jobs.build_signals", "jobs.runtime.backfill_signals"),
    "signal_delays": (
        *_SIGNALS,
        "signals.delay_curves",
        "quality.signal_values.delay_curves",
        "quality.signal_values.delay_drift",
        "jobs.build_delays",
    ),
    "progressive_priors": _PROGRESSIVE,
    "progressive_sums": _PROGRESSIVE,
    "progressive_estimates": _PROGRESSIVE,
    "day_counts": (
        *(f"quality.monitoring.{name}" for name in ("daily_volume", "metric")),
        "tables.frame_union",
        "jobs.runtime.outages",
    ),
    "outages": (
        *_DEFINITIONS,
        "ingest.watermark",
        "quality.baselines",
        *(f"quality.monitoring.{name}" for name in ("anomaly_detection", "anomaly", "metric", "outage_detection")),
        "jobs.runtime.outages",
    ),
    "training_set": (*_FEATURES, *_DEFINITIONS, "features.histories", "rankers.dataset", "jobs.build_training_set"),
}
"""By derived table: the modules that decide its content. A package stands for the modules directly in it."""
TRAINING_SET_FROM_FACTS = ("first_seen", "item_days", "exposure_features", "signal_values", "training_set")
"""Tables whose code decides what 'longplay verify' builds from facts alone."""


def hash_table_code(tables: Iterable[str], root: Path | None = None) -> str:
    """A hash over the code that decides the content of some tables, and over their columns.

    Args:
        tables: names of derived tables.
        root: the folder that holds the packages; None: wherever they are installed.
    """
    names = list(tables)
    columns = [(spec.name, [(column.name, column.type) for column in spec.columns]) for spec in map(catalog.get, names)]
    return hash_code({module for name in names for module in CONTENT_CODE[name]}, root, repr(columns))


def hash_code(modules: Iterable[str], root: Path | None = None, salt: str = "") -> str:
    """A hash over the source of modules. A package stands for the modules directly in it.

    Args:
        modules: dotted names.
        root: the folder that holds the packages; None: wherever they are installed.
        salt: text that is hashed in addition.
    """
    digest = hashlib.sha256(salt.encode())
    for module in sorted(modules):
        for path in _source_files(module, root):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _source_files(module: str, root: Path | None) -> Iterator[Path]:
    package, *inner = module.split(".")
    path = Path(root / package if root else _installed(package), *inner)
    if path.is_dir():
        yield from sorted(path.glob("*.py"))
    else:
        yield path.with_suffix(".py")


def _installed(package: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(package)
    assert spec is not None, f"the package '{package}' is part of Longplay"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])
