"""The catalogue of corruptions: small, named mutations of good data.

A corruption of a delivery changes the rows of one day's raw log before they are written, or the files afterwards. A
corruption of a derived table changes the rows that a step is about to publish. Each is a function: its name is the
corruption's name, and its docstring describes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

Kind = Literal["rows", "files", "table"]
MODULES = (
    "times",
    "volumes",
    "identities",
    "values",
    "files",
    "texts",
    "features",
    "signal_values",
    "training_sets",
)


@dataclass(frozen=True)
class Day:
    """One day's raw log, and that of the day before. Columns have Arrow types, so types and nulls survive.

    Attributes:
        events: raw events that became known on the day.
        exposures: raw exposures that became known on the day.
        episodes: episodes released on the day.
        before: events and exposures of the day before.
        rng: for random choices.
    """

    events: pd.DataFrame
    exposures: pd.DataFrame
    episodes: pd.DataFrame
    before: tuple[pd.DataFrame, pd.DataFrame]
    rng: np.random.Generator


@dataclass(frozen=True)
class Corruption:
    """One mutation.

    Attributes:
        name: name of the function.
        about: what it does.
        caught_by: the check that should catch it.
        kind: what ``mutate`` takes: ``rows`` a Day, ``files`` the delivered folder, ``table`` rows and a generator.
        mutate: returns changed rows, or changes files in place.
        table: the derived table; empty for a delivery.
        text: whether the delivery is CSV instead of Parquet.
    """

    name: str
    about: str
    caught_by: str
    kind: Kind
    mutate: Callable[..., Any]
    table: str = ""
    text: bool = False


ALL: dict[str, Corruption] = {}


def _register(caught_by: str, kind: Kind, mutate: Callable[..., Any], **more: Any) -> Callable[..., Any]:
    if mutate.__name__ in ALL:
        raise ValueError(f"two corruptions have the name '{mutate.__name__}'")
    about = " ".join((mutate.__doc__ or "").split())
    ALL[mutate.__name__] = Corruption(mutate.__name__, about, caught_by, kind, mutate, **more)
    return mutate


def rows(caught_by: str, text: bool = False) -> Callable[[Callable[[Day], Day]], Callable[[Day], Day]]:
    """Register a corruption of a delivery's rows."""
    return lambda mutate: _register(caught_by, "rows", mutate, text=text)


def files(caught_by: str, text: bool = False) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Register a corruption of a delivery's files."""
    return lambda mutate: _register(caught_by, "files", mutate, text=text)


def table(name: str, caught_by: str) -> Callable[[Callable[..., pd.DataFrame]], Callable[..., pd.DataFrame]]:
    """Register a corruption of the rows that a step is about to publish."""
    return lambda mutate: _register(caught_by, "table", mutate, table=name)


def everything() -> dict[str, Corruption]:
    """All corruptions by name, in the order of the modules."""
    for module in MODULES:
        import_module(f"tests.chaos.corruptions.{module}")
    return ALL
