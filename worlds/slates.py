"""Slates from scores: Plackett-Luce at a matched entropy, with the exact propensity of each position."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from longplay.errors import ConfigError, InputError
from worlds.policy import Floats, Ints

_STEPS = 26
_LOG_RANGE = (-7.0, 10.0)  # of the inverse temperature, for scores of unit spread


@dataclass(frozen=True)
class Randomness:
    """How random a slate is.

    Attributes:
        entropy_share: entropy of the first position's softmax over log(candidates), in (0, 1].
        exploration: share of uniform choice mixed in at every position, in [0, 1].
    """

    entropy_share: float
    exploration: float

    def __post_init__(self) -> None:
        if not 0.0 < self.entropy_share <= 1.0 or not 0.0 <= self.exploration <= 1.0:
            raise ConfigError(
                "entropy_share must lie in (0, 1] and exploration in [0, 1].",
                where="Randomness",
                got=f"{self.entropy_share}, {self.exploration}",
            )


def check_scores(scores: Floats, shape: tuple[int, ...], name: str) -> Floats:
    """The scores as float64.

    Raises:
        InputError: unless they are finite and of the candidates' shape.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != shape:
        got = f"{scores.shape}, not {shape}"
        raise InputError("Scores must have the shape of the candidates.", where=name, got=got)
    if not np.isfinite(scores).all():
        raise InputError("Scores must be finite.", where=name, got="NaN or infinity", fix="fill unknown scores")
    return scores


def entropy(logits: Floats) -> Floats:
    """Entropy in nats of the softmax of each row, [n]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=1)
    return cast(Floats, np.log(total) - np.einsum("nc,nc->n", weights, shifted) / total)


def matched_logits(scores: Floats, entropy_share: float) -> Floats:
    """Scores over a temperature per row, so that every row's softmax has the same entropy.

    Bisection on the log of the inverse temperature. Rows of constant scores stay uniform. Where
    ties for the first place leave more entropy than wanted, the result is uniform over the ties.

    Args:
        scores: finite, [n, C].
        entropy_share: the entropy wanted, as a share of log(C).
    """
    centred = scores - scores.max(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    flat = spread[:, 0] <= 1e-12 * (1.0 + np.abs(scores).max(axis=1))
    unit = centred / np.where(flat[:, None], 1.0, spread)
    if entropy_share == 1.0:
        return np.zeros_like(scores)
    target = entropy_share * np.log(scores.shape[1])
    low, high = np.full(len(scores), _LOG_RANGE[0]), np.full(len(scores), _LOG_RANGE[1])
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        hot = entropy(unit * np.exp(middle)[:, None]) > target
        low, high = np.where(hot, middle, low), np.where(hot, high, middle)
    return np.where(flat[:, None], 0.0, unit * np.exp(0.5 * (low + high))[:, None])


def position_probabilities(logits: Floats, taken: NDArray[np.bool_], exploration: float) -> Floats:
    """P(candidate at the next position | those taken already), [n, C]; 0 for the taken."""
    left = np.where(taken, -np.inf, logits)
    weights = np.exp(left - left.max(axis=1, keepdims=True))
    uniform = ~taken / (~taken).sum(axis=1, keepdims=True)
    return cast(Floats, (1.0 - exploration) * weights / weights.sum(axis=1, keepdims=True) + exploration * uniform)


def draw_slates(logits: Floats, length: int, exploration: float, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Draws slates position by position without replacement.

    Returns:
        Columns chosen, int64 [n, length], and the log probability of each given the earlier ones.
    """
    n, width = logits.shape
    if length > width:
        raise ConfigError("A slate cannot be longer than its candidates.", got=f"{length} of {width}")
    rows, taken = np.arange(n), np.zeros((n, width), dtype=bool)
    chosen, log_propensity = np.empty((n, length), dtype=np.int64), np.empty((n, length))
    for position in range(length):
        probabilities = position_probabilities(logits, taken, exploration)
        ladder = probabilities.cumsum(axis=1)
        pick = (ladder > rng.random((n, 1)) * ladder[:, -1:]).argmax(axis=1)
        chosen[:, position], taken[rows, pick] = pick, True
        log_propensity[:, position] = np.log(probabilities[rows, pick])
    return chosen, log_propensity
