"""Corruptions of the training set that a step is about to publish."""

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.chaos.corruptions.catalogue import table
from tests.chaos.corruptions.features import busiest, features

Rng = np.random.Generator
SET = "training_set"
LABEL = "label_return_to_item_14d"


@table(SET, "no feature is its label")
def a_label_leak(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A feature is the label plus a little noise."""
    name = busiest(frame)
    noise = rng.normal(0, 0.01, len(frame))
    return frame.assign(**{name: frame[LABEL].fillna(0.0) * 10 + noise})


@table(SET, "a label looks ahead")
def a_label_of_the_past(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Labels start a day before the exposure."""
    return frame.assign(labels_t0=frame["labels_t0"] - timedelta(days=1))


@table(SET, "no label before the cut-off")
def a_label_of_the_future(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Labels were known two months after the set's cut-off."""
    return frame.assign(labels_known_ts=frame["labels_known_ts"] + timedelta(days=60))


@table(SET, "mean label against history")
def labels_all_zero(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A label is 0 everywhere."""
    return frame.assign(**{LABEL: frame[LABEL] * 0})


@table(SET, "mean label against history")
def labels_inverted(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A label is 1 where it was 0."""
    return frame.assign(**{LABEL: 1 - frame[LABEL]})


@table(SET, "null share of labels against history")
def labels_null(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A label is null everywhere."""
    return frame.assign(**{LABEL: frame[LABEL].mask(frame[LABEL].notna())})


@table(SET, "a label if and only if mature")
def open_labels_as_zero(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Labels whose state is not mature are 0 instead of null: a fifth are called open."""
    few = pd.Series(rng.random(len(frame)) < 0.2)
    state = LABEL.replace("label_", "state_")
    return frame.assign(**{state: frame[state].mask(few, "open"), LABEL: frame[LABEL].mask(few, 0.0)})


@table(SET, "labels lie in [0, 1]")
def labels_in_percent(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A label is a percentage."""
    return frame.assign(**{LABEL: frame[LABEL] * 100})


@table(SET, "splits are separated by time")
def splits_shuffled(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Rows were assigned to splits at random."""
    return frame.assign(split=pd.array(rng.permutation(frame["split"].to_numpy()), dtype=frame["split"].dtype))


@table(SET, "shares of splits")
def all_for_training(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every row is for training."""
    return frame.assign(split=frame["split"].mask(frame["split"].notna(), "train"))


@table(SET, "unknown split")
def a_split_misspelt(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """The split is called validation."""
    return frame.assign(split=frame["split"].replace({"valid": "validation"}))


@table(SET, "the spine is preserved")
def rows_lost(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """An inner join lost a tenth."""
    return frame[pd.Series(np.arange(len(frame)) % 10 > 0)].reset_index(drop=True)


@table(SET, "grain")
def rows_fanned_out(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A join doubled a tenth."""
    return pd.concat([frame, frame.iloc[::10]], ignore_index=True)


@table(SET, "the spine is preserved")
def rows_fanned_out_under_new_ids(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every row twice, each under an id of its own."""
    return pd.concat([frame, frame.assign(exposure_id=frame["exposure_id"] + "-2")], ignore_index=True)


@table(SET, "every exposure has features")
def features_missing(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A hundredth of the exposures have no features."""
    none = pd.Series(np.arange(len(frame)) % 100 == 0)
    return frame.assign(has_features=frame["has_features"].mask(none, False))


@table(SET, "null share of features against history")
def features_of_the_newest_days_null(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Test rows have no features: they were built too late."""
    late = frame["split"] == "test"
    return frame.assign(**{c: frame[c].mask(late) for c in features(frame)})


@table(SET, "features only from the past")
def a_fact_of_the_future(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Features rest on facts of the day after."""
    return frame.assign(latest_fact_ts=frame["latest_fact_ts"] + timedelta(days=1))


@table(SET, "mean propensity against history")
def propensities_lost(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every propensity is 1."""
    return frame.assign(propensity=frame["propensity"] * 0 + 1)


@table(SET, "spread of a feature against history")
def a_feature_constant(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A feature is the same everywhere."""
    name = busiest(frame)
    return frame.assign(**{name: frame[name] * 0 + 1})


@table(SET, "schema; labels in the set are those of the settings")
def a_label_lost(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A label's columns are missing."""
    return frame.drop(columns=[LABEL, LABEL.replace("label_", "state_")])
