"""A table's fingerprint covers the code that decides its content, all of it and nothing else."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.runtime.fingerprint import CONTENT_CODE, hash_table_code
from tables import catalog

ROOT = Path(__file__).parents[3]
PACKAGES = ("longplay", "tables", "ingest", "features", "signals", "quality", "rankers", "jobs")
NEVER_DECIDE = (
    "longplay/site/formatting.py",
    "longplay/server/app.py",
    "longplay/commands/signals.py",
    "longplay/status/status.py",
    "longplay/lookup/values.py",
    "longplay/registry/apply.py",
    "longplay/pipeline.py",
    "rankers/models/popularity.py",
    "rankers/tracking/mlflow_tracker.py",
    "rankers/evaluation/metrics.py",
    "jobs/train.py",
    "jobs/table_quality.py",
)
DECIDES = {
    "ingest/fact_tables.py": {"first_seen"},
    "features/histories.py": {
        "user_days",
        "item_days",
        "user_item_days",
        "item_exposure_days",
        "sequences",
        "training_set",
    },
    "features/window_kernel.py": {"exposure_features", "item_features", "training_set"},
    "signals/delay_curves/curves.py": {"signal_delays"},
    "signals/progressive/prior.py": {"progressive_priors", "progressive_sums", "progressive_estimates"},
    "quality/monitoring/daily_volume.py": {"day_counts"},
    "quality/monitoring/outage_detection.py": {"outages"},
    "rankers/dataset/training_set.py": {"training_set"},
    "jobs/build_signals.py": {"signal_values"},
    "tables/checkpoint.py": set(CONTENT_CODE) - {"day_counts", "outages"},
}
"""By module: the tables whose content it decides."""
NOT_CONTENT = (
    "ingest.row_validation",
    "ingest.log_mapping",
    "ingest.source_config",
    "longplay.delta",
    "longplay.errors",
    "longplay.paths",
    "tables.catalog",
    "tables.check",
    "tables.contract",
    "tables.spec",
)
"""Imported by deciding modules without effect on content: errors, addresses, contracts (columns are hashed), and what
decides facts, whose versions are inputs."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def hash_tables(root: Path) -> dict[str, str]:
    return {table: hash_table_code([table], root) for table in CONTENT_CODE}


def changed_by(root: Path, module: str) -> set[str]:
    """Tables whose hash another comment in a module changes."""
    file, before = root / module, hash_tables(root)
    text = file.read_text(encoding="utf-8")
    file.write_text(f"{text}# another comment\n", encoding="utf-8")
    after = hash_tables(root)
    file.write_text(text, encoding="utf-8")
    assert hash_tables(root) == before
    return {table for table in before if after[table] != before[table]}


def test_the_copy_has_the_hashes_of_the_installed_code(copy: Path) -> None:
    assert hash_tables(copy) == {table: hash_table_code([table]) for table in CONTENT_CODE}


@pytest.mark.parametrize("module", NEVER_DECIDE)
def test_pages_server_commands_and_models_rebuild_no_table(copy: Path, module: str) -> None:
    assert changed_by(copy, module) == set()


@pytest.mark.parametrize(("module", "tables"), DECIDES.items())
def test_a_module_rebuilds_the_tables_whose_content_it_decides(copy: Path, module: str, tables: set[str]) -> None:
    assert changed_by(copy, module) == tables


def test_every_derived_table_names_its_code() -> None:
    facts = {"events", "exposures", "episodes", "quarantine", "deliveries", "quarantine_releases"}
    recorded = {"releases", "quality_metrics", "signal_failures"}
    assert set(CONTENT_CODE) == set(catalog.ALL) - facts - recorded


@pytest.mark.parametrize("table", CONTENT_CODE)
def test_a_table_names_everything_that_its_transforms_import(table: str) -> None:
    names = CONTENT_CODE[table]
    transforms = [module for name in names if not name.startswith("jobs.") for module in modules_in(name)]
    missing = {
        imported
        for module in transforms
        for imported in imports_of(module)
        if not is_covered(imported, names) and not imported.startswith(NOT_CONTENT)
    }
    assert missing == set()


def path_of(name: str) -> Path:
    return ROOT.joinpath(*name.split("."))


def modules_in(name: str) -> list[Path]:
    folder = path_of(name)
    return sorted(folder.glob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def is_covered(module: str, names: tuple[str, ...]) -> bool:
    return module in names or module.rpartition(".")[0] in names


def imports_of(module: Path) -> Iterator[str]:
    """Modules of the repository that a module imports."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                is_module = path_of(submodule).with_suffix(".py").exists() or path_of(submodule).is_dir()
                yield submodule if is_module else node.module
