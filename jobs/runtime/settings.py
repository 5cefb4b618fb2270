"""Typed, closed settings: conf/base.yaml, overridden by further files, then by ``--set key=value``."""

from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import Field, field_validator, model_validator

from longplay.config.redaction import redact
from longplay.config.strict_model import KeyedError, StrictModel, read_yaml, validate_model
from longplay.errors import ConfigError, nearest
from rankers.config import RankerSettings


class SparkSettings(StrictModel):
    """Which engine runs, and how large. The sizes of executors are spark-submit's.

    ``driver_memory``, ``log_level`` and ``ui`` do not apply to a Spark Connect server: it received them at its start.
    Of Sail, ``master`` (``local[N]``) is the number of threads; of the others only ``log_level`` applies.

    Attributes:
        engine: ``spark``, or ``sail``: pysail, which the step starts in its own process. It needs no Java.
        master: a master URL, or an ``sc://`` address for Spark Connect. Under spark-submit, ``--master`` decides.
        shuffle_partitions: upper limit of the partitions of a shuffle; adaptive execution joins small ones.
        partition_size: shuffle partitions are joined up to this size (as Spark writes it, such as 64m).
        snapshot_partitions: tasks that read the log of a Delta table; raise above 2 only for thousands of files.
        row_group: size of a Parquet row group in memory (such as 4m). A reader of a few days reads only the groups that
            hold them; on object storage each group costs a request.
        optimise_write: shuffle rows before a Delta write, so that it writes few large files instead of one per task.
        driver_memory: heap of a driver that Longplay starts. Under spark-submit, ``--driver-memory`` decides.
        log_level: lowest level of Spark's own messages that is printed.
        ui: whether the driver serves Spark's web pages (port 4040).
    """

    engine: Literal["spark", "sail"] = "spark"
    master: str
    shuffle_partitions: int = Field(ge=1)
    partition_size: str = Field(default="64m", pattern=r"^[1-9]\d*[kmg]$")
    snapshot_partitions: int = Field(default=2, ge=1)
    row_group: str = Field(default="4m", pattern=r"^[1-9]\d*[kmg]$")
    optimise_write: bool = False
    driver_memory: str
    log_level: str
    ui: bool = False


class StoreSettings(StrictModel):
    """Up to which size tables are read and committed without Spark's Delta library.

    Attributes:
        small_rows: largest number of rows of a publication; 0: Spark commits every publication and reads every table.
        small_size: largest size of a publication's files, or of a table's files (such as 32m).
    """

    small_rows: int = Field(default=100_000, ge=0)
    small_size: str = Field(default="32m", pattern=r"^[1-9]\d*[kmg]$")


class SignalSettings(StrictModel):
    """Which shipped signals are computed. Labels and signals of a registry file or ``--definitions`` always are.

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


class OutageDeclaration(StrictModel):
    """An interval that somebody declared, ``[from, to)``: an outage, or (``dismissed``) how people really behaved.

    Attributes:
        from: UTC day on which it starts; the attribute ``start``.
        to: UTC day on which it is over; the attribute ``end``.
        known: UTC day from which on the interval counts, once the watermark has reached it.
        reason: a short explanation.
        dismissed: outages detected in the interval do not count.
    """

    start: date = Field(alias="from")
    end: date = Field(alias="to")
    known: date
    reason: str = Field(min_length=1)
    dismissed: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "OutageDeclaration":
        if self.end <= self.start:
            raise KeyedError("to", f"the interval ends ({self.end}) before it begins ({self.start})")
        return self


class OutageSettings(StrictModel):
    """How days are detected for which the log has far too little data: labels that rest on them become void.

    Attributes:
        enabled: whether outages are detected; declared ones count in any case.
        metric: what is counted per day: users who were seen on an earlier day (returning_users), all users, or events.
            Users who join and never return come and go with campaigns; a log whose users seldom return needs users.
        threshold: a day below this share of its expected count is low.
        weeks: number of ordinary days of the same weekday that the expected count is taken from.
        wait_days: a day is evaluated this many days after its end, by what is known then.
        told: intervals that somebody declared; the attribute ``declared``.
    """

    enabled: bool
    metric: Literal["returning_users", "users", "events"]
    threshold: float = Field(gt=0, lt=1)
    weeks: int = Field(ge=3, le=26)
    wait_days: int = Field(ge=0, le=30)
    declared: tuple[OutageDeclaration, ...] = Field(default=(), alias="told")


class QualitySettings(StrictModel):
    """How the gate validates publications, and what is monitored.

    Attributes:
        data_docs: whether great-expectations keeps suites and results and renders its Data Docs under
            ``STORE/SOURCE/_quality/docs``.
        direct_below: great-expectations' own Spark engine also validates publications of fewer rows, one job per check.
        accept: checks, each ``TABLE.CHECK`` or ``delivery.CHECK``, whose failure is only a warning in this run: for
            intended changes.
        outages: how days are detected for which the log has far too little data.
    """

    data_docs: bool = False
    direct_below: int = Field(default=0, ge=0)
    accept: tuple[str, ...] = ()
    outages: OutageSettings


class LineageSettings(StrictModel):
    """Where runs, their inputs and their outputs are reported, as OpenLineage events.

    Attributes:
        openlineage: ``off``, a file (.jsonl) that events are appended to, or the http(s) address of a collector.
        namespace: namespace of the jobs.
    """

    openlineage: str = "off"
    namespace: str = Field(default="longplay", min_length=1)

    @field_validator("openlineage", mode="before")
    @classmethod
    def _place(cls, value: object) -> object:
        if value is False:  # YAML reads a bare off as false
            return "off"
        text = str(value)
        is_address = text.startswith(("http://", "https://")) and bool(urlsplit(text).hostname)
        if text != "off" and not is_address and not (text.endswith(".jsonl") and "://" not in text):
            raise ValueError("it is neither off, nor a file that ends in .jsonl, nor an http(s) address")
        return text


class RunSettings(StrictModel):
    """Everything that can be set."""

    spark: SparkSettings
    store: StoreSettings = StoreSettings()
    signals: SignalSettings
    quality: QualitySettings
    training: TrainingSettings
    rankers: RankerSettings
    deploy: DeploySettings
    lineage: LineageSettings = LineageSettings()


def parse_size(text: str) -> int:
    """A size such as 32m in bytes."""
    return int(text[:-1]) << {"k": 10, "m": 20, "g": 30}[text[-1]]


def load_settings(conf: Sequence[str] = (), overrides: Sequence[str] = ()) -> RunSettings:
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
    return validate_model(RunSettings, data, where)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError("--set needs key=value.", got=redact(text), fix=nearest(key, RunSettings.model_fields))
    try:
        nested: Any = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError("The value of --set is not YAML.", got=redact(text), fix="quote it, or correct it") from error
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return dict(nested)
