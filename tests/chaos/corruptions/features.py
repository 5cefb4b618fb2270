"""Corruptions of the features that a step is about to publish."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.chaos.corruptions.catalogue import table

Rng = np.random.Generator
USERS, ITEMS = "exposure_features", "item_features"


def busiest(frame: pd.DataFrame, number: int = 0) -> str:
    """The numeric feature with the most distinct values."""
    names = [c for c in frame if c.startswith("f_") and pd.api.types.is_numeric_dtype(frame[c])]
    return sorted(names, key=lambda c: (-frame[c].nunique(), c))[number]


def features(frame: pd.DataFrame) -> list[str]:
    """Names of all features."""
    return [c for c in frame if c.startswith("f_")]


@table(USERS, "spread of a feature against history")
def feature_constant(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A feature is the same everywhere."""
    name = busiest(frame)
    return frame.assign(**{name: frame[name] * 0 + 1})


@table(USERS, "null share of a feature against history")
def feature_null(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A feature is null everywhere."""
    name = busiest(frame)
    return frame.assign(**{name: frame[name].mask(frame[name].notna())})


@table(USERS, "numbers are finite")
def feature_not_a_number(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A tenth of a feature is NaN."""
    return _some(frame, rng, float("nan"))


@table(USERS, "numbers are finite")
def feature_infinite(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A tenth of a feature is infinite."""
    return _some(frame, rng, float("inf"))


@table(USERS, "mean of a feature against history")
def feature_in_other_units(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A feature is a thousand times too large."""
    name = busiest(frame)
    return frame.assign(**{name: frame[name] * 1000})


@table(USERS, "features are not negative; range against history")
def feature_negated(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A feature has the other sign."""
    name = busiest(frame)
    return frame.assign(**{name: -frame[name]})


@table(USERS, "distribution of features against history")
def feature_columns_shifted(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every feature carries the values of the next column."""
    names = [c for c in features(frame) if pd.api.types.is_float_dtype(frame[c])]
    moved = {name: frame[other] for name, other in zip(names, [*names[1:], names[0]], strict=True)}
    return frame.assign(**moved)


@table(USERS, "no fact from the future")
def feature_rows_shifted(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Features are shifted by one row: each exposure has those of another."""
    names = [*features(frame), "latest_fact_ts"]
    ordered = frame.sort_values(["as_of", "exposure_id"], ignore_index=True)
    return ordered.assign(**{name: np.roll(ordered[name].array, 1) for name in names}).astype(frame.dtypes)


@table(USERS, "no fact from the future")
def features_of_the_future(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Features include an hour after their exposure."""
    return frame.assign(latest_fact_ts=frame["as_of"] + timedelta(hours=1))


@table(USERS, "freshness of the facts behind features")
def features_a_month_old(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A stale cache: the newest fact behind each feature is a month too old."""
    return frame.assign(latest_fact_ts=frame["latest_fact_ts"] - timedelta(days=30))


@table(USERS, "null share of features against history")
def features_all_null(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """An outer join that matched nothing."""
    return frame.assign(**{c: frame[c].mask(frame[c].notna()) for c in features(frame)})


@table(USERS, "distribution of features against history")
def features_all_zero(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Nulls and all else were filled with 0."""
    names = [c for c in features(frame) if pd.api.types.is_numeric_dtype(frame[c])]
    return frame.assign(**{c: (frame[c] * 0).fillna(0) for c in names})


@table(USERS, "volume against history; every exposure has features")
def features_half_lost(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """An inner join lost half of the exposures."""
    return frame.iloc[::2].reset_index(drop=True)


@table(USERS, "grain")
def features_fanned_out(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A join doubled a twentieth of the rows."""
    return pd.concat([frame, frame.iloc[::20]], ignore_index=True)


@table(USERS, "features refer to exposures")
def features_of_no_exposure(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Exposure ids were hashed differently."""
    return frame.assign(exposure_id=frame["exposure_id"].str.slice(1) + "x")


@table(USERS, "schema")
def feature_as_text(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """The user's id is a number."""
    return frame.assign(user_id=pd.Series(range(len(frame)), dtype="int64[pyarrow]"))


@table(USERS, "schema")
def feature_columns_lost(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """One feature is missing."""
    return frame.drop(columns=busiest(frame))


@table(USERS, "as_of_day is the UTC date of as_of")
def feature_days_off_by_one(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Days are those of another time zone."""
    return frame.assign(as_of_day=frame["as_of_day"] + timedelta(days=1))


@table(ITEMS, "grain")
def item_features_twice(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every item twice a day."""
    return pd.concat([frame, frame], ignore_index=True)


@table(ITEMS, "distribution of features against history")
def item_features_zero(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Tiles were missing when items were counted."""
    names = [c for c in features(frame) if pd.api.types.is_numeric_dtype(frame[c])]
    return frame.assign(**{c: (frame[c] * 0).fillna(0) for c in names})


@table(ITEMS, "no fact from the future")
def item_features_of_the_same_day(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Items are counted up to the end of the day, not to its beginning."""
    noon = pd.to_datetime(frame["as_of_day"].astype("string[python]"), utc=True) + pd.Timedelta("12h")
    return frame.assign(latest_fact_ts=noon.astype(frame["latest_fact_ts"].dtype))


@table(ITEMS, "volume against history")
def item_features_mostly_lost(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """One item in five."""
    return frame.iloc[::5].reset_index(drop=True)


@table(ITEMS, "mean of a feature against history")
def item_features_counted_twice(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every count is five times what it should be: tiles of five deliveries were counted for one day."""
    names = [c for c in features(frame) if pd.api.types.is_numeric_dtype(frame[c])]
    return frame.assign(**{c: frame[c] * 5 for c in names})


def _some(frame: pd.DataFrame, rng: Rng, value: float) -> pd.DataFrame:
    name = busiest(frame)
    values = frame[name].to_numpy(dtype=float, na_value=np.nan).copy()
    values[rng.random(len(frame)) < 0.1] = value
    # An Arrow array, because pandas reads NaN as null.
    return frame.assign(**{name: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values)))})
