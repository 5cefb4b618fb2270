"""spark-submit puts a job's own folder first on the path: no job may be called like a package it imports."""

from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_no_job_file_is_called_like_a_top_level_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    jobs = {path.stem for path in (ROOT / "jobs").glob("*.py")} - {"__init__"}
    assert {"ingest", "features", "signals", "rankers"} <= packages
    assert jobs & packages == set()
