"""Settings are typed and closed, and every key changes something."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.runtime.settings import RunSettings, SparkSettings, load_settings
from jobs.runtime.spark_session import Options, engine_options, session_options
from longplay.errors import ConfigError
from rankers.models.families import FAMILIES

ROOT = Path(__file__).parents[3]
BASE: dict[str, Any] = yaml.safe_load((ROOT / "conf" / "base.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("deploy.user=5", "unknown key 'user': did you mean 'users'?"),
        ("deply.users=5", "unknown key 'deply': did you mean 'deploy'?"),
        ("rankers.xgboost.max_dept=3", "max_dept"),
        ("training.horizon=3", "unknown key 'horizon': known names: labels, test_days, train_days, valid_days"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(override: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=[override])
    assert hint in str(caught.value)
    assert f"--set {override}" in caught.value.where


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("deploy.users=many", "deploy.users"),
        ("deploy.users=3", "deploy.users"),
        ("deploy.entropy_share=1.5", "deploy.entropy_share"),
        ("training.train_days=0", "training.train_days"),
        ("deploy=5", "deploy"),
        ("rankers.transformer.heads=3", "rankers.transformer.heads"),
    ],
)
def test_a_wrong_value_names_its_key(override: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"Wrong value for '{key}'") as caught:
        load_settings(overrides=[override])
    assert f"key {key}" in caught.value.where
    assert caught.value.got


def test_an_override_without_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="--set needs key=value") as caught:
        load_settings(overrides=["deploy"])
    assert caught.value.got == "deploy"


def test_later_layers_win_key_by_key(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("deploy: {users: 50, days: 7}\nrankers: {xgboost: {rounds: 9}}\n", encoding="utf-8")
    settings = load_settings(["cluster", str(own)], ["deploy.days=8", "rankers.families=[xgboost]"])
    assert settings.spark.shuffle_partitions == 400
    assert settings.spark.master == BASE["spark"]["master"]
    assert (settings.deploy.users, settings.deploy.days, settings.deploy.seed) == (50, 8, BASE["deploy"]["seed"])
    assert (settings.rankers.xgboost.rounds, settings.rankers.xgboost.max_depth) == (9, 5)
    assert settings.rankers.families == ("xgboost",)


def test_a_missing_conf_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file") as caught:
        load_settings([str(tmp_path / "own.yaml")])
    assert caught.value.where == str(tmp_path / "own.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "conf").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_conf_file_loads(path: Path) -> None:
    assert isinstance(load_settings([path.stem]), RunSettings)


def leaves(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for section, keys in data.items():
        for key in keys:
            yield section, key


def attributes_read() -> set[str]:
    """Names that code outside the settings' own module reads as attributes."""
    names: set[str] = set()
    for package in ("jobs", "rankers", "experiments"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name not in ("settings.py", "config.py"):
                tree = ast.parse(path.read_text(encoding="utf-8"))
                names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return names


def test_every_key_of_the_base_is_read_somewhere() -> None:
    read = attributes_read() | set(FAMILIES)  # the section of a family is read by the family's name
    unread = [f"{section}.{key}" for section, key in leaves(BASE) if key not in read]
    assert unread == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_ranker_setting_is_read_somewhere(family: str) -> None:
    read = attributes_read()
    assert [key for key in FAMILIES[family].config.model_fields if key not in read] == []


def test_the_base_leaves_no_key_to_a_default() -> None:
    for section, keys in BASE.items():
        fields = RunSettings.model_fields[section].annotation.model_fields
        assert set(keys) == set(fields), section


def spark_options(settings: SparkSettings) -> Options:
    return {**engine_options(settings), **session_options(settings)}


def test_every_spark_setting_changes_what_spark_is_told() -> None:
    message = spark_options(load_settings().spark)
    changes = {
        "shuffle_partitions": "9",
        "partition_size": "9m",
        "row_group": "9m",
        "snapshot_partitions": "9",
        "optimise_write": "true",
        "driver_memory": "9g",
        "log_level": "INFO",
        "ui": "true",
    }
    assert set(changes) == set(SparkSettings.model_fields) - {"engine", "master"}  # which Spark, not how
    for key, value in changes.items():
        other = spark_options(load_settings(overrides=[f"spark.{key}={value}"]).spark)
        assert sum(message[name] != other[name] for name in message) == 1, key


def test_a_cluster_gets_what_its_file_says() -> None:
    message = spark_options(load_settings(["cluster"]).spark)
    assert message["spark.sql.shuffle.partitions"] == "400"
    assert message["spark.databricks.delta.optimizeWrite.enabled"] == "true"
    with pytest.raises(ConfigError, match="partition_size"):
        load_settings(overrides=["spark.partition_size=large"])
