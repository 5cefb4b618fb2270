"""Rewards as data: faults are located, meaning is hashed, they live in the registry beside signals."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from longplay.cli import cli
from longplay.client import Client
from longplay.config.strict_model import validate_model
from longplay.definitions.reward import Composite, Reward
from longplay.errors import ConfigError, LongplayError, NotFoundError
from longplay.registry import lifecycle
from longplay.registry.definition_files import read_proposals
from longplay.registry.registry import default_registry, load
from tests.unit.longplay.signal_files import ANA, write
from tests.unit.longplay.small_tables import at, row, write_release, write_values

ROOT = Path(__file__).parents[4]
GOOD = """\
kind: reward
name: stays
version: 1
title: Stays
description: Came back, or clicked.
owner: podcasts
status: published
direction: higher_is_better
unit: 0 to 1
anchor: exposure
parts:
  - {signal: came_back@1, weight: 0.7}
  - signal: regret@1
    weight: -0.2
    transform: {low: 0, high: 5, log1p: true, scale: 0.5}
bounds: [0, 1]
"""
FAULTS = [
    ("weight: 0.7", "weight: 0", 12, "parts.0.weight", "weight 0 has no effect"),
    ("weight: 0.7", "wieght: 0.7", 12, "parts.0.wieght", "did you mean 'weight'?"),
    ("came_back@1", "came_back", 12, "parts.0.signal", "pattern"),
    ("signal: regret@1", "signal: came_back@1", 13, "parts.1.signal", "appears twice"),
    ("low: 0, ", "", 15, "parts.1.transform.log1p", "needs 'low'"),
    ("high: 5", "high: 0", 15, "parts.1.transform.high", "must be above low"),
    ("scale: 0.5", "scale: -1", 15, "parts.1.transform.scale", "greater than 0"),
    ("bounds: [0, 1]", "bounds: [1, 0]", 16, "bounds", "the lower one first"),
    ("bounds: [0, 1]", "bounds: [0, .inf]", 16, "bounds", "two finite numbers"),
    ("bounds: [0, 1]", "guardrails: []", 1, "bounds", "Field required"),
    ("anchor: exposure", "anchor: click", 10, "anchor", "exposure"),
    ("status: published", "status: life", 7, "status", "published"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reward, and the signal of it that does not ship."""
    write(tmp_path / "mine")
    (tmp_path / "mine" / "stays.v1.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path / "mine"


def spoilt(folder: Path, old: str, new: str) -> Path:
    assert old in GOOD
    (folder / "stays.v1.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["signals", *arguments])


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), FAULTS)
def test_each_fault_is_told_and_located(folder: Path, old: str, new: str, line: int, key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load([spoilt(folder, old, new)])
    where = f"{folder / 'stays.v1.yaml'}{f', line {line}' if line else ''}, key {key}"
    assert caught.value.where == where
    assert words in caught.value.what


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("came_back@1", "came_back@2", "parts.0.signal", "there is no signal 'came_back@2'"),
        ("came_back@1", "return_d7@1", "parts.0.signal", "anchored at active_day, the reward at exposure"),
        ("weight: -0.2", "weight: 0.2", "parts.1.weight", "its weight must be negative"),
        ("weight: 0.7", "weight: -0.7", "parts.0.weight", "its weight must be positive"),
    ],
)
def test_a_reward_that_does_not_fit_its_signals_is_no_label_and_is_not_applied(
    folder: Path, tmp_path: Path, old: str, new: str, key: str, words: str
) -> None:
    proposals = read_proposals([spoilt(folder, old, new)]).values()
    with pytest.raises(ConfigError) as caught:
        lifecycle.apply(tmp_path / "registry.db", proposals, ANA)
    assert words in caught.value.what
    assert caught.value.where == f"{folder / 'stays.v1.yaml'}, key {key}"
    with pytest.raises(ConfigError, match="Wrong value for"):
        default_registry([folder]).label("stays")


def test_a_draft_is_no_part_of_a_published_reward(tmp_path: Path) -> None:
    write(tmp_path / "mine", status="draft")
    (tmp_path / "mine" / "stays.v1.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigError, match="is a draft"):
        default_registry([tmp_path / "mine"]).label("stays")


def reward(**changes: Any) -> Reward:
    return validate_model(Reward, {**yaml.safe_load(GOOD), **changes}, "stays.v1.yaml")


def test_the_hash_covers_what_affects_data_and_no_text() -> None:
    texts = {"title": "T", "description": "D", "owner": "o", "status": "deprecated", "unit": "u", "tags": ["t"]}
    assert {reward(**{key: value}).hash for key, value in texts.items()} == {reward().hash}
    parts = [{"signal": "came_back@1", "weight": 0.7}]
    changed = [reward(parts=parts), reward(bounds=[0, 2]), reward(anchor="discovery")]
    transform = [{**parts[0], "transform": {"scale": 2}}]
    assert len({variant.hash for variant in [reward(), *changed, reward(parts=transform)]}) == 5


def test_shipped_rewards_are_published_and_the_schema_takes_them() -> None:
    registry = default_registry()
    assert len(registry.rewards) >= 2
    published = yaml.safe_load((ROOT / "conf" / "rewards" / "published.yaml").read_text(encoding="utf-8"))
    assert published == {ref: definition.hash for ref, definition in registry.rewards.items()}
    schema = json.loads((ROOT / "docs" / "reference" / "reward.schema.json").read_text(encoding="utf-8"))
    for path in (ROOT / "conf" / "rewards").glob("*.v*.yaml"):
        jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError, match="'life' is not one of"):
        jsonschema.validate(yaml.safe_load(GOOD.replace("published", "life")), schema)
    for ref in registry.rewards:
        label = registry.label(ref)
        assert isinstance(label, Composite)
        assert label.horizon == max(signal.horizon for signal in label.signals)


def test_a_published_reward_whose_meaning_changed_is_refused(folder: Path) -> None:
    (folder / "published.yaml").write_text(f"stays@1: '{reward().hash}'\n", encoding="utf-8")
    load([folder])
    with pytest.raises(ConfigError, match="The published reward 'stays@1' has changed in meaning"):
        load([spoilt(folder, "weight: 0.7", "weight: 0.6")])


def test_signals_are_listed_without_rewards_and_names_are_shared(folder: Path) -> None:
    registry = default_registry([folder])
    assert {"stays", "kept_return"} & {d.name for d in registry.newest()} == set()
    assert {d.ref for d in registry.current()} == {d.ref for d in registry.newest()}
    assert registry.find("stays").ref == "stays@1"
    assert registry.find("click").ref == "click@1"
    with pytest.raises(NotFoundError, match="is a reward") as caught:
        registry.get("stays@1")
    assert "training.labels=[click, stays@1]" in caught.value.fix
    with pytest.raises(NotFoundError, match="did you mean 'stays'"):
        registry.find("stais")


def test_the_commands_know_rewards(folder: Path, tmp_path: Path) -> None:
    store = str(tmp_path)
    planned = json.loads(run("plan", str(folder), "--store", store, "--json").stdout)
    assert [(step["signal"], step["kind"]) for step in planned] == [("came_back@1", "new"), ("stays@1", "new")]
    assert run("apply", str(folder), "--store", store, "--as", "ana").exit_code == 0
    shown = run("show", "stays", "--store", store)
    assert "0.7 * came_back@1 + -0.2 * 0.5 * log1p(clip(regret@1, 0, 5))" in shown.stdout
    assert "--set 'training.labels=[click, stays]'" in shown.stdout
    listed = json.loads(run("list", "--owner", "podcasts", "--store", store, "--json").stdout)
    assert [(entry["signal"], entry.get("kind", "signal")) for entry in listed] == [
        ("came_back@1", "signal"), ("stays@1", "reward"),
    ]  # fmt: skip
    assert "reward of 2 signals" in run("list", "--owner", "podcasts", "--store", store).stdout
    matches = json.loads(run("search", "stays", "--store", store, "--json").stdout)
    assert [entry["signal"] for entry in matches] == ["stays@1"]
    # Its signals know who is made of them.
    used = json.loads(run("consumers", "came_back", "--kind", "reward", "--store", store, "--json").stdout)
    assert [(use["consumer"], use["signal"]) for use in used] == [("stays@1", "came_back@1")]


def test_a_changed_reward_is_a_new_version_and_differs_key_by_key(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    lifecycle.apply(file, read_proposals([folder]).values(), ANA)
    refused = run("apply", str(spoilt(folder, "bounds: [0, 1]", "bounds: [0, 2]")), "--registry", str(file))
    assert isinstance(refused.exception, ConfigError)
    assert "has changed in meaning" in refused.exception.what
    spoilt(folder, "version: 1", "version: 2\ntags: [x]")
    text = (folder / "stays.v1.yaml").read_text(encoding="utf-8").replace("bounds: [0, 1]", "bounds: [0, 2]")
    (folder / "stays.v1.yaml").write_text(text, encoding="utf-8")
    steps = lifecycle.apply(file, read_proposals([folder]).values(), ANA)
    (step,) = [planned_step for planned_step in steps if planned_step.proposal.definition.name == "stays"]
    assert (step.kind, step.effect) == ("new version", "data")
    assert [difference.key for difference in step.differences] == ["bounds", "tags"]
    moved = lifecycle.move_alias(file, "stays@champion", 1, ANA)
    assert moved.new == "stays@1"
    registry = default_registry(file=file)
    assert registry.label("stays@champion").ref == "stays@1"
    assert registry.label("stays").ref == "stays@2"
    assert [d.name for d in registry.current()] == [d.name for d in registry.newest()]


def test_a_name_is_a_signal_s_or_a_reward_s(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    lifecycle.apply(file, read_proposals([folder]).values(), ANA)
    write(tmp_path / "other", name="stays", version=2)
    with pytest.raises(ConfigError, match="The name 'stays' is already taken"):
        lifecycle.apply(file, read_proposals([tmp_path / "other"]).values(), ANA)


def test_values_of_a_reward_are_asked_for_otherwise_and_that_is_said(tmp_path: Path) -> None:
    write_release(tmp_path / "shop", at(10), write_values(tmp_path / "shop", [row("x", at(1))]))
    with pytest.raises(LongplayError, match="kept_return@1' is a reward") as caught:
        Client(tmp_path, "shop").values("kept_return")
    assert caught.value.got == "reward of return_to_item_14d@1, click@1, regret@1"
