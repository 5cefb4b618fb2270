"""A small synthetic training set whose labels truly depend on features and on what was consumed before.

Each user has a taste (one group of items); consumptions are mostly from it. A click follows taste and one
feature (`f_appeal`), is more likely high on the slate, and knows nothing of how popular an item is.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

START = pd.Timestamp("2025-01-01", tz="UTC")
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class WorldSize:
    users: int = 60
    items: int = 30
    groups: int = 3
    requests: int = 20
    slate: int = 6
    history: int = 25
    extra_features: int = 0


def ranking_frames(size: WorldSize, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training frame and sequences frame."""
    rng = np.random.default_rng(seed)
    taste = rng.integers(size.groups, size=size.users)
    return _exposures(size, taste, rng), _consumptions(size, taste, rng)


def _exposures(size: WorldSize, taste: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    n, c = size.users * size.requests, size.slate
    users = np.repeat(np.arange(size.users), size.requests)
    day = rng.uniform(30, 130, size=n)
    items = np.argsort(rng.random((n, size.items)), axis=1)[:, :c]
    appeal = rng.normal(size=(n, c))
    match = (items % size.groups == taste[users][:, None]).astype(float)
    logit = -1.2 + 2.0 * match + 1.5 * appeal - 0.25 * np.arange(c)
    click = rng.random((n, c)) < 1 / (1 + np.exp(-logit))
    back = rng.random((n, c)) < 1 / (1 + np.exp(-(-1.5 + 2.5 * match + 0.5 * appeal)))
    split = np.where(day < 90, "train", np.where(day < 105, "valid", "test"))
    as_of = (START + pd.to_timedelta(day, unit="D")).round("us")
    state = np.where(rng.random((n, c)) < 0.1, "open", np.where(rng.random((n, c)) < 0.05, "void", "mature"))
    return pd.DataFrame(
        {
            "exposure_id": [f"x{i:07d}" for i in range(n * c)],
            "request_id": np.repeat([f"r{i:06d}" for i in range(n)], c),
            "user_id": np.repeat([f"u{i:05d}" for i in users], c),
            "item_id": [f"i{i:04d}" for i in items.ravel()],
            "as_of": as_of.repeat(c),
            "surface": "home",
            "position": pd.array(np.tile(np.arange(1, c + 1), n), dtype="Int32"),
            "propensity": 1 / size.items,
            "sampled": False,
            "split": np.repeat(split, c),
            "f_appeal": np.where(rng.random(n * c) < 0.05, np.nan, appeal.ravel()),
            "f_item_consumptions_7d": rng.poisson(2, size=n * c).astype(float),
            "f_item_consumptions_28d": rng.poisson(8, size=n * c).astype(float),
            **{f"f_noise_{j}": rng.normal(size=n * c) for j in range(size.extra_features)},
            "label_click": click.ravel().astype(float),
            "state_click": "mature",
            "weight_click": 1.0,
            "label_return_to_item_14d": np.where(state.ravel() == "mature", back.ravel(), np.nan),
            "state_return_to_item_14d": state.ravel(),
            "weight_return_to_item_14d": (state.ravel() == "mature").astype(float),
        }
    )


def _consumptions(size: WorldSize, taste: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    users = np.repeat(np.arange(size.users), size.history)
    own = rng.random(len(users)) < 0.9
    base = rng.integers(size.items // size.groups, size=len(users)) * size.groups
    items = np.where(own, base + taste[users], rng.integers(size.items, size=len(users)))
    event = (START + pd.to_timedelta(rng.uniform(0, 130, size=len(users)), unit="D")).round("us")
    late = pd.to_timedelta(np.where(rng.random(len(users)) < 0.1, rng.uniform(0, 3, len(users)), 0), unit="D")
    frame = pd.DataFrame(
        {
            "user_id": [f"u{i:05d}" for i in users],
            "item_id": [f"i{i:04d}" for i in items],
            "event_ts": event,
            "visible_ts": (event + late).round("us"),
        }
    )
    return frame.sort_values(["user_id", "event_ts"], kind="stable").reset_index(drop=True)
