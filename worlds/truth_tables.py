"""Hidden truth as tables: for evaluating a pipeline, which must never read it."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from longplay.errors import InputError
from worlds import model
from worlds.spec import WorldSpec
from worlds.state import NEVER, UserState
from worlds.users import UserTraits
from worlds.world import World


def item_truth(world: World) -> pa.Table:
    """One row an item: quality, clickbait, fame, length and taste vector."""
    truth = world.truth
    names = ("quality", "clickbait", "fame", "seconds")
    columns = {name: getattr(truth, name) for name in names}
    vectors = {f"v{d}": truth.vectors[:, d] for d in range(truth.vectors.shape[1])}
    return pa.table({"item": pa.array(world.item_ids)} | columns | vectors)


def user_truth(traits: UserTraits, state: UserState, offset: int) -> pa.Table:
    """One row a user: traits, the day after which it left (null: stayed) and final satisfaction."""
    left = pa.array(state.churn_day, mask=state.churn_day == NEVER)
    ids = [f"u{offset + user:06d}" for user in range(len(traits))]
    columns = {
        "user": pa.array(ids),
        "join_day": traits.join_day,
        "churn_day": left,
        "openness": traits.openness,
        "hour": traits.hour,
        "satisfaction": state.satisfaction,
        "habit": state.habit.sum(axis=1, dtype=np.float64),
    }
    return pa.table(columns | {f"theta{d}": traits.taste[:, d] for d in range(traits.taste.shape[1])})


def world_truth(world: World) -> dict[str, Any]:
    """The spec and the coefficients of the user model."""
    spec = asdict(world.spec) | {"start": world.spec.start.isoformat()}
    fixed = {name.lower(): value for name, value in vars(model).items() if name.isupper()}
    return {"spec": spec, "is_null": world.spec.is_null, "model": fixed}


def read_spec(path: Path) -> WorldSpec:
    """The spec of a world from its ``world.json``.

    Raises:
        InputError: when the file is missing or is no world's truth.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))["spec"]
        return WorldSpec(**{**fields, "start": datetime.fromisoformat(fields["start"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "This is not the truth of a simulated world.",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            fix="write the world again: longplay simulate --force",
        ) from error
