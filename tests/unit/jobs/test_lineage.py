"""OpenLineage events of steps: what they say, who gets them, and that a collector that fails stops nothing."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ingest.source_config import load_source
from jobs.runtime.openlineage import emit_lineage
from jobs.runtime.progress import Progress
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from longplay.errors import ConfigError, QualityError
from longplay.registry.registry import default_registry
from tables.publish import PublishedVersion
from tests.unit.longplay.quality_tables import publish

RUN = "20260504T100000-aaaaaa"


def job(root: Path, *overrides: str) -> RunContext:
    console = Console(file=StringIO(), width=200)
    made = RunContext(
        load_settings(overrides=overrides), load_source("world"), default_registry(), root, progress=Progress(console)
    )
    emit_lineage(made)
    return made


def shown(one: RunContext) -> str:
    file = one.progress.console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def events(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_it_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert job(tmp_path).progress.observers == []
    assert job(tmp_path, "lineage.openlineage=off").progress.observers == []  # YAML's false


@pytest.mark.parametrize("place", ["of", "on", "lineage.json", "http://", "ftp://host/x.jsonl", "1"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match="neither off, nor a file that ends in") as caught:
        load_settings(overrides=[f"lineage.openlineage={place}"])
    assert "lineage.openlineage" in caught.value.where


def test_a_step_tells_its_inputs_and_outputs(tmp_path: Path) -> None:
    one = job(tmp_path, f"lineage.openlineage={tmp_path / 'told.jsonl'}", "lineage.namespace=prod")
    publish(one.folder, "events", [], RUN, facts={"data": "log.csv", "batch": 1})
    with one.progress.step("ingest"):
        one.progress.table(PublishedVersion("events", 0, 7, True, "published"))
        with one.progress.step("a step inside"):
            pass
    version = publish(one.folder, "user_days", [], RUN, inputs={"events": 0})
    with one.progress.step("build-histories"):
        one.progress.table(PublishedVersion("user_days", version, 5, True, "published"))
        one.progress.table(PublishedVersion("events", 0, 0, False, "same inputs"))
    told = events(tmp_path / "told.jsonl")
    assert [(e["eventType"], e["job"]["namespace"], e["job"]["name"]) for e in told] == [
        ("START", "prod", "world.ingest"),
        ("COMPLETE", "prod", "world.ingest"),
        ("START", "prod", "world.build-histories"),
        ("COMPLETE", "prod", "world.build-histories"),
    ]
    assert told[0]["run"]["runId"] == told[1]["run"]["runId"] != told[2]["run"]["runId"]
    assert (told[0]["inputs"], told[0]["outputs"]) == ([], [])
    assert [(d["namespace"], d["name"]) for d in told[1]["inputs"]] == [("prod", "world.raw.log.csv")]
    (made,) = told[1]["outputs"]
    assert (made["namespace"], made["name"]) == ("file", str(one.folder / "events"))
    assert made["facets"]["version"]["datasetVersion"] == "0"
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 7
    fields = {field["name"]: field for field in made["facets"]["schema"]["fields"]}
    assert (fields["user_id"]["type"], fields["user_id"]["description"]) == ("string", "who")
    (read,) = told[3]["inputs"]
    assert (read["name"], read["facets"]["version"]["datasetVersion"]) == (str(one.folder / "events"), "0")
    assert [d["name"] for d in told[3]["outputs"]] == [str(one.folder / "user_days")]
    facets = told[3]["run"]["facets"]
    assert (facets["longplay_run"]["run_id"], facets["longplay_run"]["source"]) == (one.run_id, "world")
    assert facets["processing_engine"]["name"] == "spark"


def test_a_step_without_tables_tells_what_it_read(tmp_path: Path) -> None:
    one = job(tmp_path, f"lineage.openlineage={tmp_path / 'told.jsonl'}")
    publish(one.folder, "sequences", [], RUN)
    with one.progress.step("train"):
        pass
    assert [d["name"] for d in events(tmp_path / "told.jsonl")[1]["inputs"]] == [str(one.folder / "sequences")]


def test_a_step_that_stops_tells_why_and_names_nobody(tmp_path: Path) -> None:
    one = job(tmp_path, f"lineage.openlineage={tmp_path / 'told.jsonl'}")
    with pytest.raises(QualityError), one.progress.step("ingest"):
        raise QualityError("The gate of 'events' failed.", got="user_id ann")
    with pytest.raises(KeyboardInterrupt), one.progress.step("train"):
        raise KeyboardInterrupt
    told = events(tmp_path / "told.jsonl")
    assert [e["eventType"] for e in told] == ["START", "FAIL", "START", "ABORT"]
    assert told[1]["run"]["facets"]["errorMessage"]["message"] == "The gate of 'events' failed."
    assert "ann" not in (tmp_path / "told.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/", "{}/folder.jsonl"])
def test_a_place_that_fails_is_a_warning(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    one = job(tmp_path, f"lineage.openlineage={place.format(tmp_path)}")
    for step in ("ingest", "build-histories"):
        with one.progress.step(step):
            pass
    assert shown(one).count("warning: lineage could not be sent to") == 1
    assert "build-histories done" in shown(one)
