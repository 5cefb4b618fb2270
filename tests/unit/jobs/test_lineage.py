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


def make_context(root: Path, *overrides: str) -> RunContext:
    console = Console(file=StringIO(), width=200)
    context = RunContext(
        load_settings(overrides=overrides), load_source("world"), default_registry(), root, progress=Progress(console)
    )
    emit_lineage(context)
    return context


def terminal_text(context: RunContext) -> str:
    file = context.progress.console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def events(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_it_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert make_context(tmp_path).progress.observers == []
    assert make_context(tmp_path, "lineage.openlineage=off").progress.observers == []  # YAML's false


@pytest.mark.parametrize("place", ["of", "on", "lineage.json", "http://", "ftp://host/x.jsonl", "1"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match="neither off, nor a file that ends in") as caught:
        load_settings(overrides=[f"lineage.openlineage={place}"])
    assert "lineage.openlineage" in caught.value.where


def test_a_step_tells_its_inputs_and_outputs(tmp_path: Path) -> None:
    context = make_context(tmp_path, f"lineage.openlineage={tmp_path / 'told.jsonl'}", "lineage.namespace=prod")
    publish(context.folder, "events", [], RUN, facts={"data": "log.csv", "batch": 1})
    with context.progress.step("ingest"):
        context.progress.table(PublishedVersion("events", 0, 7, True, "published"))
        with context.progress.step("a step inside"):
            pass
    version = publish(context.folder, "user_days", [], RUN, inputs={"events": 0})
    with context.progress.step("build-histories"):
        context.progress.table(PublishedVersion("user_days", version, 5, True, "published"))
        context.progress.table(PublishedVersion("events", 0, 0, False, "same inputs"))
    emitted = events(tmp_path / "told.jsonl")
    assert [(e["eventType"], e["job"]["namespace"], e["job"]["name"]) for e in emitted] == [
        ("START", "prod", "world.ingest"),
        ("COMPLETE", "prod", "world.ingest"),
        ("START", "prod", "world.build-histories"),
        ("COMPLETE", "prod", "world.build-histories"),
    ]
    assert emitted[0]["run"]["runId"] == emitted[1]["run"]["runId"] != emitted[2]["run"]["runId"]
    assert (emitted[0]["inputs"], emitted[0]["outputs"]) == ([], [])
    assert [(d["namespace"], d["name"]) for d in emitted[1]["inputs"]] == [("prod", "world.raw.log.csv")]
    (output,) = emitted[1]["outputs"]
    assert (output["namespace"], output["name"]) == ("file", str(context.folder / "events"))
    assert output["facets"]["version"]["datasetVersion"] == "0"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 7
    fields = {field["name"]: field for field in output["facets"]["schema"]["fields"]}
    assert (fields["user_id"]["type"], fields["user_id"]["description"]) == ("string", "who")
    (read,) = emitted[3]["inputs"]
    assert (read["name"], read["facets"]["version"]["datasetVersion"]) == (str(context.folder / "events"), "0")
    assert [d["name"] for d in emitted[3]["outputs"]] == [str(context.folder / "user_days")]
    facets = emitted[3]["run"]["facets"]
    assert (facets["longplay_run"]["run_id"], facets["longplay_run"]["source"]) == (context.run_id, "world")
    assert facets["processing_engine"]["name"] == "spark"


def test_a_step_without_tables_tells_what_it_read(tmp_path: Path) -> None:
    context = make_context(tmp_path, f"lineage.openlineage={tmp_path / 'told.jsonl'}")
    publish(context.folder, "sequences", [], RUN)
    with context.progress.step("train"):
        pass
    assert [d["name"] for d in events(tmp_path / "told.jsonl")[1]["inputs"]] == [str(context.folder / "sequences")]


def test_a_step_that_stops_tells_why_and_names_nobody(tmp_path: Path) -> None:
    context = make_context(tmp_path, f"lineage.openlineage={tmp_path / 'told.jsonl'}")
    with pytest.raises(QualityError), context.progress.step("ingest"):
        raise QualityError("The gate of 'events' failed.", got="user_id ann")
    with pytest.raises(KeyboardInterrupt), context.progress.step("train"):
        raise KeyboardInterrupt
    emitted = events(tmp_path / "told.jsonl")
    assert [e["eventType"] for e in emitted] == ["START", "FAIL", "START", "ABORT"]
    assert emitted[1]["run"]["facets"]["errorMessage"]["message"] == "The gate of 'events' failed."
    assert "ann" not in (tmp_path / "told.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/", "{}/folder.jsonl"])
def test_a_place_that_fails_is_a_warning(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    context = make_context(tmp_path, f"lineage.openlineage={place.format(tmp_path)}")
    for step in ("ingest", "build-histories"):
        with context.progress.step(step):
            pass
    assert terminal_text(context).count("warning: lineage could not be sent to") == 1
    assert "build-histories done" in terminal_text(context)
