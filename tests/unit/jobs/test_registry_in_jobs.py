"""Jobs see what was applied: aliases name labels, uses are recorded with pins, warnings are said."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from ingest.source_config import load_source
from jobs.runtime.command_options import job_command
from jobs.runtime.labels import computed_definitions, label_definitions, record_label_use
from jobs.runtime.progress import Progress
from jobs.runtime.run_context import RunContext
from jobs.runtime.settings import load_settings
from longplay.definitions.reward import Composite
from longplay.definitions.signal import Definition
from longplay.errors import ConfigError
from longplay.registry import lifecycle
from longplay.registry.definition_files import read_proposals
from longplay.registry.location import find_registry_file
from longplay.registry.plan import ChangeTerms
from longplay.registry.registry import default_registry
from rankers.dataset.manifest import Manifest
from rankers.dataset.training_set import SplitPlan
from tests.unit.longplay.signal_files import ANA, proposal


def open_run(root: Path, labels: str) -> tuple[RunContext, StringIO]:
    terminal = StringIO()
    registry = default_registry(file=find_registry_file(root, None))
    settings = load_settings(overrides=[f"training.labels={labels}"])
    progress = Progress(Console(file=terminal, soft_wrap=True))
    return RunContext(settings, load_source("world"), registry, root, progress=progress), terminal


@pytest.fixture
def root(tmp_path: Path) -> Path:
    file = tmp_path / "registry.db"
    lifecycle.apply(file, [proposal(tmp_path / "d"), proposal(tmp_path / "d", version=2, lateness="2 d")], ANA)
    lifecycle.move_alias(file, "came_back@champion", 1, ANA)
    return tmp_path


def test_labels_are_named_by_alias_and_recorded_as_pins(root: Path) -> None:
    context, terminal = open_run(root, "[click, came_back@champion]")
    assert [d.ref for d in label_definitions(context)] == ["click@1", "came_back@1"]
    record_label_use(context, "training_set", "world abc")
    with closing(sqlite3.connect(root / "registry.db")) as raw:
        rows = raw.execute("SELECT kind, consumer, asked, name, version FROM consumers ORDER BY asked").fetchall()
    assert rows == [
        ("training_set", "world abc", "came_back@champion", "came_back", 1),
        ("training_set", "world abc", "click", "click", 1),
    ]
    assert terminal.getvalue() == ""


def test_a_step_opens_the_registry_of_its_store_or_the_one_named(root: Path, tmp_path: Path) -> None:
    contexts: list[RunContext] = []

    @job_command("probe", writes_tables=False)
    def probe(context: RunContext) -> None:
        contexts.append(context)

    for where in (["--store", str(root)], ["--store", str(tmp_path / "x"), "--registry", str(root / "registry.db")]):
        result = CliRunner().invoke(probe, ["--source", "world", *where])
        assert result.exit_code == 0, result.output
        assert contexts.pop().registry.get("came_back@champion").ref == "came_back@1"
    missing_file = CliRunner().invoke(probe, ["--source", "world", "--registry", str(root / "gone.db")])
    assert missing_file.exit_code == 7
    assert "There is no registry at this path." in missing_file.output


def test_a_deprecated_label_is_said(root: Path) -> None:
    lifecycle.deprecate(
        root / "registry.db", "came_back@1", "2026-01-01", "came_back@2", ChangeTerms("bo", owner="podcasts")
    )
    context, terminal = open_run(root, "[came_back@champion]")
    record_label_use(context, "experiment", "world - split")
    assert "warning: came_back@1 has been deprecated since 2026-01-01: use came_back@2" in terminal.getvalue()


def test_without_a_registry_file_nothing_is_recorded(tmp_path: Path) -> None:
    context, terminal = open_run(tmp_path, "[click]")
    record_label_use(context, "experiment", "world - split")
    assert list(tmp_path.iterdir()) == []
    assert terminal.getvalue() == ""


REWARD = """\
kind: reward
name: stays
version: 1
title: Stays
description: Came back.
owner: podcasts
status: published
direction: higher_is_better
unit: 0 to 1
anchor: exposure
parts: [{signal: came_back@1, weight: 1}, {signal: regret@1, weight: -0.5}]
bounds: [0, 1]
"""


def applied_reward(root: Path, **changes: str) -> None:
    text = REWARD
    for old, new in changes.values():
        text = text.replace(old, new)
    (root / "stays.yaml").write_text(text, encoding="utf-8")
    lifecycle.apply(root / "registry.db", read_proposals([root / "stays.yaml"]).values(), ANA)


def test_a_reward_is_a_label_whose_signals_are_computed_and_recorded(root: Path) -> None:
    applied_reward(root)
    context, _ = open_run(root, "[click, stays]")
    labels = label_definitions(context)
    assert [label.ref for label in labels] == ["click@1", "stays@1"]
    assert {"click@1", "came_back@1", "regret@1"} <= {d.ref for d in computed_definitions(context)}
    assert all(isinstance(d, Definition) for d in computed_definitions(context))
    record_label_use(context, "training_set", "world abc")
    with closing(sqlite3.connect(root / "registry.db")) as raw:
        rows = raw.execute("SELECT kind, consumer, name, version FROM consumers ORDER BY kind, name").fetchall()
    assert rows == [
        ("reward", "stays@1", "came_back", 1),
        ("reward", "stays@1", "regret", 1),
        ("training_set", "world abc", "click", 1),
        ("training_set", "world abc", "stays", 1),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bounds": ("bounds: [0, 1]", "bounds: [-1, 1]")}, "rankers learn values from 0 to 1"),
        ({"status": ("status: published", "status: draft")}, "is a draft"),
        (
            {"parts": ("[{signal: came_back@1, weight: 1}, {signal: regret@1, weight: -0.5}]",
                       "[{signal: return_d7@1, weight: 1}]"), "anchor": ("anchor: exposure", "anchor: active_day")},
            "anchored at active_day",
        ),
    ],
)  # fmt: skip
def test_a_reward_that_rankers_cannot_learn_is_refused(root: Path, changes: dict, message: str) -> None:
    applied_reward(root, **changes)
    context, _ = open_run(root, "[click, stays]")
    with pytest.raises(ConfigError, match=message):
        label_definitions(context)


def test_a_manifest_holds_a_reward_with_its_signals(root: Path) -> None:
    applied_reward(root)
    context, _ = open_run(root, "[click, stays]")
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    release = {"release_id": "r", "batch": 1, "known_at": moment}
    plan = SplitPlan.from_watermark(moment, max(d.horizon for d in label_definitions(context)), (28, 7, 14))
    manifest = Manifest.from_release(release, label_definitions(context), plan, "code")
    again, digest = Manifest.from_json(manifest.to_json("1:ab", {"weights": {"click": {"n_eff": 12.5}}}))
    assert (again, digest) == (manifest, "1:ab")
    assert isinstance(again.definitions[1], Composite)
