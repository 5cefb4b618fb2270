"""Delay curves of signals: how much of the final values is seen by age, cohort by cohort."""

from tables.contract import load

SIGNAL_DELAYS = load("signal_delays")
