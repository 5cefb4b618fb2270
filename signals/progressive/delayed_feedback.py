"""Delayed feedback: predicts conversions that have not happened yet. Pure numpy and scipy.

Chapelle 2014, Modeling delayed feedback in display advertising, KDD: with covariates x, a case ever converts with
probability p(x) = sigmoid(x'a), and then after an exponential delay of rate lambda(x) = exp(x'b). A case that converted
after d days has the likelihood p lambda exp(-lambda d); one that has not converted by age e, 1 - p + p exp(-lambda e).
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
    """A fitted model.

    Attributes:
        converts: a, the coefficients of conversion, [covariates].
        speed: b, the coefficients of the delay's rate, [covariates].
    """

    converts: Floats
    speed: Floats

    def rate(self, x: Floats) -> Floats:
        """Probability that a case ever converts, [cases]."""
        probability: Floats = expit(x @ self.converts)
        return probability

    def still(self, x: Floats, age: Floats) -> Floats:
        """Probability that a case which has not converted by an age (days) still will, [cases]."""
        p, late = self.rate(x), np.exp(-np.exp(x @ self.speed) * age)
        probability: Floats = p * late / (1 - p + p * late)
        return probability


def fit_delay_model(x: Floats, converted: NDArray[np.bool_], time: Floats, penalty: float = 1.0) -> DelayModel:
    """Fits the model by maximum likelihood, with a quadratic penalty on its coefficients.

    Args:
        x: covariates, [cases, covariates]; a column of ones is an intercept.
        converted: whether the case has converted so far, [cases].
        time: days to conversion if it has, otherwise its age in days; above 0, [cases].
        penalty: weight of half the coefficients' sum of squares.

    Raises:
        InputError: when no case converted, a time is not above 0, or the optimiser does not converge.
    """
    if not converted.any() or not (time > 0).all():
        raise InputError(
            "A delay model needs cases that converted, and times above 0.",
            got=f"{int(converted.sum()):,} conversions of {len(time):,} cases, smallest time {time.min(initial=0.0)}",
        )
    width = x.shape[1]

    def loss(both: Floats) -> tuple[float, Floats]:
        return _loss(both[:width], both[width:], (x, converted, time), penalty)

    begin = np.zeros(2 * width)
    optimum = minimize(loss, begin, jac=True, method="L-BFGS-B")
    if not optimum.success:
        raise InputError("The delay model did not converge.", got=str(optimum.message), fix="scale the covariates")
    return DelayModel(optimum.x[:width], optimum.x[width:])


def _loss(
    converts: Floats, speed: Floats, cases: tuple[Floats, NDArray[np.bool_], Floats], penalty: float
) -> tuple[float, Floats]:
    """Negative log-likelihood with its penalty, and its gradient, [2 covariates]."""
    x, converted, time = cases
    score, log_rate = x @ converts, x @ speed
    hazard = np.exp(log_rate) * time
    p = expit(score)
    # Not converted yet: log(1 - p + p e^-h) = log sigmoid(-score) + log(1 + e^(score - h)).
    waits = expit(score - hazard)
    not_yet = log_expit(-score) - log_expit(hazard - score)
    likelihood = np.where(converted, log_expit(score) + log_rate - hazard, not_yet)
    by_score = np.where(converted, 1 - p, waits - p)
    by_speed = np.where(converted, 1 - hazard, -waits * hazard)
    both = np.concatenate([converts, speed])
    gradient = penalty * both - np.concatenate([x.T @ by_score, x.T @ by_speed])
    return float(penalty * both @ both / 2 - likelihood.sum()), gradient
