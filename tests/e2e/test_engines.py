"""The same tables on Spark and on Sail, from one ingested log."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from longplay.delta import read_arrow
from tables import catalog
from worlds.log import write_log
from worlds.spec import WorldSpec

pytestmark = [pytest.mark.spark, pytest.mark.slow]

STEPS = ("build-histories", "build-features", "build-signals", "build-delays", "release")
BUILT = (
    "user_days", "item_days", "user_item_days", "item_exposure_days", "sequences", "exposure_features",
    "item_features", "signal_values", "signal_delays",
)  # fmt: skip


def longplay(folder: Path, step: str, store: str, engine: str, *arguments: str) -> None:
    """Run a step in a process of its own, because sessions on both engines cannot share one."""
    settings = (f"spark.engine={engine}", "spark.master=local[2]", "spark.driver_memory=2g")
    command = [sys.executable, "-c", "from longplay.cli import cli; cli()", step, "--source", "world", "--store", store]
    command += [*arguments, *(part for setting in settings for part in ("--set", setting))]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=900)
    assert ran.returncode == 0, ran.stderr


def test_every_table_is_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pysail")
    write_log(WorldSpec.from_size("tiny", seed=1, users=60, days=70), tmp_path / "world")
    longplay(tmp_path, "ingest", "spark", "spark", "--data", "world/log")
    shutil.copytree(tmp_path / "spark", tmp_path / "sail")
    for engine in ("spark", "sail"):
        for step in STEPS:
            longplay(tmp_path, step, engine, engine)
    for name in BUILT:
        spec = catalog.get(name)
        tables = [read_arrow(tmp_path / engine / "world" / name) for engine in ("spark", "sail")]
        columns = [column for column in tables[0].column_names if column not in spec.audit]
        grain = [(column, "ascending") for column in spec.grain]
        on_spark, on_sail = (table.select(columns).sort_by(grain) for table in tables)
        assert [column for column in columns if not on_spark[column].equals(on_sail[column])] == [], name
        assert len(on_spark) or name == "signal_delays"
