"""How often something will have happened, where it has not yet: conversion with a delay. Pure numpy and scipy.

Chapelle 2014, Modeling delayed feedback in display advertising, KDD: with covariates x, a case converts at all with
probability p(x) = sigmoid(x'a), and if so after an exponential delay of rate lambda(x) = exp(x'b). One that converted
after d days has the likelihood p lambda exp(-lambda d); one that has not by age e, 1 - p + p exp(-lambda e).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from longplay.errors import InputError
from signals.progressive.prior import Floats


@dataclass(frozen=True)
class DelayModel:
    """A fitted model: ``converts`` is a, ``speed`` is b, each [covariates]."""

    converts: Floats
    speed: Floats

    def rate(self, x: Floats) -> Floats:
        """Probability that a case converts at all, [cases]."""
        found: Floats = expit(x @ self.converts)
        return found

    def still(self, x: Floats, age: Floats) -> Floats:
        """Probability that a case which has not converted by an age (days) will, [cases]."""
        p, late = self.rate(x), np.exp(-np.exp(x @ self.speed) * age)
        found: Floats = p * late / (1 - p + p * late)
        return found


def fit_delay_model(x: Floats, converted: NDArray[np.bool_], time: Floats, penalty: float = 1.0) -> DelayModel:
    """The model of greatest likelihood, with a quadratic penalty on its coefficients.

    Args:
        x: covariates, [cases, covariates]; a column of ones is an intercept.
        converted: whether the case has converted so far, [cases].
        time: days to conversion where it has, age in days where not; above 0, [cases].
        penalty: weight of half the coefficients' sum of squares.

    Raises:
        InputError: when no case converted, a time is not above 0, or the search does not end.
    """
    if not converted.any() or not (time > 0).all():
        raise InputError(
            "A delay model needs cases that converted, and times above 0.",
            got=f"{int(converted.sum()):,} conversions among {len(time):,} cases, least time {time.min(initial=0.0)}",
        )
    width = x.shape[1]

    def loss(both: Floats) -> tuple[float, Floats]:
        return _loss(both[:width], both[width:], (x, converted, time), penalty)

    begin = np.zeros(2 * width)
    found = minimize(loss, begin, jac=True, method="L-BFGS-B")
    if not found.success:
        raise InputError("The delay model was not found.", got=str(found.message), fix="scale the covariates")
    return DelayModel(found.x[:width], found.x[width:])


def _loss(
    converts: Floats, speed: Floats, cases: tuple[Floats, NDArray[np.bool_], Floats], penalty: float
) -> tuple[float, Floats]:
    """Negative log-likelihood with its penalty, and its gradient, [2 covariates]."""
    x, converted, time = cases
    score, log_rate = x @ converts, x @ speed
    hazard = np.exp(log_rate) * time
    p = expit(score)
    # Not yet: log(1 - p + p e^-h) = log sigmoid(-score) + log(1 + e^(score - h)).
    waits = expit(score - hazard)
    not_yet = log_expit(-score) - log_expit(hazard - score)
    likelihood = np.where(converted, log_expit(score) + log_rate - hazard, not_yet)
    by_score = np.where(converted, 1 - p, waits - p)
    by_speed = np.where(converted, 1 - hazard, -waits * hazard)
    both = np.concatenate([converts, speed])
    gradient = penalty * both - np.concatenate([x.T @ by_score, x.T @ by_speed])
    return float(penalty * both @ both / 2 - likelihood.sum()), gradient
