"""Corruptions of the signal values that a step is about to publish."""

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.chaos.corruptions.catalogue import table

Rng = np.random.Generator
SIGNALS = "signal_values"
DELAYED = "return_to_item_14d@"


def delayed(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Mature rows of a signal with a long window."""
    return (frame["signal"].str.startswith(DELAYED) & (frame["state"] == "mature")).fillna(False).astype(bool)


def valued(frame: pd.DataFrame, values: "pd.Series[float]") -> pd.DataFrame:
    """Replace the values of a delayed signal's mature rows."""
    return frame.assign(value=frame["value"].mask(delayed(frame), values))


@table(SIGNALS, "mean value against history")
def signal_all_zero(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every mature value of a delayed signal is 0."""
    return valued(frame, frame["value"] * 0)


@table(SIGNALS, "mean value against history")
def signal_all_one(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Every mature value of a delayed signal is 1."""
    return valued(frame, frame["value"] * 0 + 1)


@table(SIGNALS, "mean value against history")
def signal_inverted(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """1 means that a user did not return."""
    return valued(frame, 1 - frame["value"])


@table(SIGNALS, "bounds of the type")
def signal_in_percent(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Shares are percentages."""
    return valued(frame, frame["value"] * 100)


@table(SIGNALS, "numbers are finite")
def signal_not_a_number(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A delayed signal's values are NaN."""
    values = frame["value"].to_numpy(dtype=float, na_value=np.nan).copy()
    filled = pd.Series(np.where(delayed(frame), -1.0, values), dtype="float64")
    rows = frame.assign(value=pd.array(filled, dtype="double[pyarrow]")).copy()
    rows["value"] = filled.where(filled != -1.0, np.inf) * 0
    return rows.assign(value=rows["value"].where(delayed(frame), values))


@table(SIGNALS, "a value if and only if mature")
def open_filled_with_zero(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Nulls were filled with 0."""
    return frame.assign(value=frame["value"].fillna(0.0))


@table(SIGNALS, "no label before maturity")
def open_called_mature(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Values so far count as final."""
    is_open = frame["state"] == "open"
    value = frame["value"].mask(is_open, frame["prefix"].fillna(0.0))
    return frame.assign(
        value=value, state=frame["state"].mask(is_open, "mature"), settled=frame["settled"].mask(is_open, True)
    )


@table(SIGNALS, "share of mature values by age")
def mature_left_open(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Mature values of a delayed signal stay open."""
    rows = delayed(frame)
    return frame.assign(
        state=frame["state"].mask(rows, "open"),
        value=frame["value"].mask(rows),
        settled=frame["settled"].mask(rows, False),
    )


@table(SIGNALS, "share of void values against history")
def mature_made_void(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A false outage makes every value of a delayed signal void."""
    rows = delayed(frame)
    return frame.assign(
        state=frame["state"].mask(rows, "void"),
        value=frame["value"].mask(rows),
        event_observed=frame["event_observed"].mask(rows),
        void_reason=frame["void_reason"].mask(rows, "outage"),
    )


@table(SIGNALS, "every signal has values")
def a_signal_lost(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """One of the signals is missing."""
    keep = ~frame["signal"].str.startswith(DELAYED)
    return frame[keep].reset_index(drop=True)


@table(SIGNALS, "signals are defined")
def a_signal_misnamed(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A signal's name lacks its version."""
    return frame.assign(signal=frame["signal"].str.replace(DELAYED, "return_to_item_14d_", regex=False))


@table(SIGNALS, "one definition per signal")
def two_definitions_of_one_signal(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Half of a signal's values come from another definition."""
    half = pd.Series(np.arange(len(frame)) % 2 == 0) & frame["signal"].str.startswith(DELAYED).astype(bool)
    return frame.assign(definition_hash=frame["definition_hash"].mask(half, "0" * 12))


@table(SIGNALS, "grain")
def signals_fanned_out(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """A join doubled a twentieth of the rows."""
    return pd.concat([frame, frame.iloc[::20]], ignore_index=True)


@table(SIGNALS, "volume against history")
def signals_of_a_tenth(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """One anchor in ten has values."""
    keep = frame["anchor_id"].str.slice(0, 1).isin(["a", "7"])
    return frame[keep].reset_index(drop=True)


@table(SIGNALS, "a window ends after its anchor")
def windows_the_wrong_way(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Windows look back instead of ahead."""
    return frame.assign(window_end=frame["t0"] - (frame["window_end"] - frame["t0"]))


@table(SIGNALS, "window against the definition's horizon")
def windows_twice_as_long(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Windows of a delayed signal end a month later than its definition says."""
    rows = frame["signal"].str.startswith(DELAYED).astype(bool)
    return frame.assign(window_end=frame["window_end"].mask(rows, frame["window_end"] + timedelta(days=30)))


@table(SIGNALS, "mature not before maturity")
def mature_before_their_time(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Values were known at their anchor."""
    return frame.assign(known_ts=frame["known_ts"].mask(delayed(frame), frame["t0"]))


@table(SIGNALS, "weights are 1 if mature, else 0")
def weights_all_one(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Open values weigh as much as mature ones."""
    return frame.assign(ipc_weight=frame["ipc_weight"] * 0 + 1)
