"""The list of steps: it knows every table, and the command line, ``longplay run`` and the releases agree with it."""

import tomllib
from pathlib import Path

import pytest

from jobs import build_training_set
from longplay.pipeline import RUN_STEPS, STEPS, TABLES, find_blockers, find_downstream, find_publishing_step
from tables import catalog

ROOT = Path(__file__).parents[3]
BY_NAME = {step.name: step for step in STEPS}


@pytest.mark.parametrize("table", catalog.ALL)
def test_exactly_one_step_publishes_each_table(table: str) -> None:
    assert TABLES.count(table) == 1


def test_steps_name_only_tables_of_the_catalog() -> None:
    for step in STEPS:
        assert {*step.reads, *step.publishes} <= set(catalog.ALL), step.name


def test_no_step_reads_what_a_later_step_publishes() -> None:
    published: set[str] = set()
    for step in STEPS:
        assert set(step.reads) <= published, step.name
        published |= set(step.publishes)


def test_a_release_reads_every_table_that_it_ties() -> None:
    assert set(BY_NAME["release"].reads) == {*catalog.RELEASED, *catalog.ALSO_RELEASED}
    assert set(build_training_set._TABLES) <= set(BY_NAME["build-training-set"].reads)


def test_commands_are_the_entry_points_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    commands = {step.name for step in STEPS if " " not in step.name}
    assert commands == set(project["entry-points"]["longplay.commands"])
    assert len(BY_NAME) == len(STEPS)
    assert {step.name.split()[0] for step in STEPS} == commands


def test_numbers_are_the_places_in_run() -> None:
    assert [step.number for step in STEPS if step.number] == list(range(1, len(RUN_STEPS) + 1))
    assert RUN_STEPS[:3] == ("ingest", "build-histories", "build-features")
    assert RUN_STEPS[-2:] == ("train", "verdict")


def test_what_waits_for_a_table() -> None:
    assert find_publishing_step("user_days") == "build-histories"
    assert find_publishing_step("no_such_table") == ""
    tables, steps = find_downstream("signal_values")
    assert tables == ["signal_failures", "signal_delays", "releases", "training_set"]
    assert steps == ["build-delays", "release", "build-training-set", "train", "deploy", "verdict"]


def test_an_outage_table_holds_up_the_signals_that_it_voids() -> None:
    tables, steps = find_downstream("day_counts")
    assert tables[:3] == ["outages", "quality_metrics", "signal_values"]
    assert steps[:3] == ["build-signals", "build-delays", "build-progressive"]
    assert "outages" not in steps  # its own step


def test_blockers_of_each_waiting_table() -> None:
    blockers = find_blockers(["item_features", "signal_values"])
    assert blockers["training_set"] == ["item_features", "signal_values"]
    assert blockers["signal_delays"] == ["signal_values"]
    assert "item_features" not in blockers
