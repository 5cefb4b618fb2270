"""Typed, closed settings: conf/base.yaml, then a further file, then ``--set key=value``."""

from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import Field, field_validator, model_validator

from longplay.config.strict_model import KeyedError, StrictModel, read_yaml, validate_model
from longplay.errors import ConfigError, nearest
from rankers.config import RankerSettings


class SparkSettings(StrictModel):
    """Which Spark runs, and how large. The sizes of executors are spark-submit's.

    A Spark Connect server was given ``driver_memory``, ``log_level`` and ``ui`` when it was started; there they do not
    apply.

    Attributes:
        master: a master URL, or an ``sc://`` address for Spark Connect. Under spark-submit its ``--master`` decides.
        shuffle_partitions: into how many parts a shuffle goes at most; adaptive execution joins small ones.
        partition_size: parts of a shuffle are joined until they are so large (Spark's size, such as 64m).
        snapshot_partitions: tasks that read the log of a Delta table; more than 2 pay from thousands of files on.
        row_group: rows of a Parquet file are grouped until they are so large in memory (such as 4m): who reads a few
            days reads the groups that hold them. Small ones cost a request each on object storage.
        optimise_write: shuffle rows before a Delta write, so that it makes few large files and not one a task.
        driver_memory: heap of a driver that Longplay starts. Under spark-submit its ``--driver-memory`` decides.
        log_level: from which level on Spark's own messages are shown.
        ui: whether the driver serves Spark's web pages (port 4040).
    """

    master: str
    shuffle_partitions: int = Field(ge=1)
    partition_size: str = Field(default="64m", pattern=r"^[1-9]\d*[kmg]$")
    snapshot_partitions: int = Field(default=2, ge=1)
    row_group: str = Field(default="4m", pattern=r"^[1-9]\d*[kmg]$")
    optimise_write: bool = False
    driver_memory: str
    log_level: str
    ui: bool = False


class SignalSettings(StrictModel):
    """Which signals are computed. Those of a registry file or of ``--definitions`` always are, and labels.

    Attributes:
        shipped: names of the signals that come with Longplay, or ``all``.
    """

    shipped: tuple[str, ...] | Literal["all"]


class TrainingSettings(StrictModel):
    """The global time split, counted back from the newest day on which every label is mature."""

    labels: tuple[str, ...]
    train_days: int = Field(ge=1)
    valid_days: int = Field(ge=1)
    test_days: int = Field(ge=1)


class DeploySettings(StrictModel):
    """The simulated test: fresh users an arm, days, and how every policy explores."""

    users: int = Field(ge=10)
    days: int = Field(ge=1)
    seed: int
    entropy_share: float = Field(gt=0, le=1)
    exploration: float = Field(ge=0, le=1)
    processes: int = Field(ge=1)


class DeclaredOutage(StrictModel):
    """An interval that somebody declared, ``[from, to)``: an outage, or (``dismissed``) how people really behaved.

    Attributes:
        from: UTC day on which it starts; the attribute ``start``.
        to: UTC day on which it is over; the attribute ``end``.
        known: UTC day from which on that counts, as soon as the watermark is there.
        reason: in a few words.
        dismissed: what was found in the interval is no outage.
    """

    start: date = Field(alias="from")
    end: date = Field(alias="to")
    known: date
    reason: str = Field(min_length=1)
    dismissed: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "DeclaredOutage":
        if self.end <= self.start:
            raise KeyedError("to", f"the interval ends ({self.end}) before it begins ({self.start})")
        return self


class OutageSettings(StrictModel):
    """How days are found on which the log holds far too little: labels that rest on them become void.

    Attributes:
        enabled: whether they are looked for; what is told counts all the same.
        metric: what is counted: users or events of a day.
        threshold: below this share of what is expected a day is low.
        weeks: so many usual days of the same weekday say what is expected.
        wait_days: a day is judged so many days after its end, by what is known then.
        told: intervals that somebody declared; the attribute ``declared``.
    """

    enabled: bool
    metric: Literal["users", "events"]
    threshold: float = Field(gt=0, lt=1)
    weeks: int = Field(ge=3, le=26)
    wait_days: int = Field(ge=0, le=30)
    declared: tuple[DeclaredOutage, ...] = Field(default=(), alias="told")


class QualitySettings(StrictModel):
    """How the gate judges what is about to be published, and what is watched beside.

    Attributes:
        data_docs: whether great-expectations keeps suites and results and renders its Data Docs under
            ``STORE/SOURCE/_quality/docs``.
        direct_below: publications of fewer rows are also judged by great-expectations' own Spark engine, a job a check.
        accept: checks, each ``TABLE.CHECK`` or ``delivery.CHECK``, whose failure is a warning in this run: for what has
            changed on purpose.
        outages: how days are found on which the log holds far too little.
    """

    data_docs: bool = False
    direct_below: int = Field(default=0, ge=0)
    accept: tuple[str, ...] = ()
    outages: OutageSettings


class LineageSettings(StrictModel):
    """Where runs, their inputs and their outputs are told, as OpenLineage events.

    Attributes:
        openlineage: ``off``, a file (.jsonl) to which events are appended, or the http(s) address of a collector.
        namespace: namespace of the jobs.
    """

    openlineage: str = "off"
    namespace: str = Field(default="longplay", min_length=1)

    @field_validator("openlineage", mode="before")
    @classmethod
    def _place(cls, value: object) -> object:
        if value is False:  # YAML reads a bare off so
            return "off"
        text = str(value)
        is_address = text.startswith(("http://", "https://")) and bool(urlsplit(text).hostname)
        if text != "off" and not is_address and not (text.endswith(".jsonl") and "://" not in text):
            raise ValueError("it is neither off, nor a file that ends in .jsonl, nor an http(s) address")
        return text


class Settings(StrictModel):
    """Everything that can be set."""

    spark: SparkSettings
    signals: SignalSettings
    quality: QualitySettings
    training: TrainingSettings
    rankers: RankerSettings
    deploy: DeploySettings
    lineage: LineageSettings = LineageSettings()


def load_settings(conf: Sequence[str] = (), overrides: Sequence[str] = ()) -> Settings:
    """Read the settings: the shipped base, named or given files over it, single keys over those.

    Args:
        conf: names of shipped files (``local``, ``cluster``) or paths of YAML files.
        overrides: ``key.path=value`` each, the value read as YAML.

    Raises:
        ConfigError: for an unknown key (with the nearest known one) or a wrong value.
    """
    folder = Path(str(files("conf")))
    data = read_yaml(folder / "base.yaml")
    where = "conf/base.yaml"
    for name in conf:
        path = folder / f"{name}.yaml" if (folder / f"{name}.yaml").exists() else Path(name)
        data, where = _merge(data, read_yaml(path)), f"{where} + {name}"
    for text in overrides:
        data, where = _merge(data, _override(text)), f"{where} + --set {text}"
    return validate_model(Settings, data, where)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError("--set wants key=value.", got=text, fix=nearest(key, Settings.model_fields))
    try:
        nested: Any = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError("The value of --set is not YAML.", got=text, fix="quote it, or correct it") from error
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return dict(nested)
