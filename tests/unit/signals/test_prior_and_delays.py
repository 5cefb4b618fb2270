"""What is learnt from past items, and from conversions that are not there yet."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from longplay.errors import InputError
from signals.progressive.delayed_feedback import DelayModel, fit_delay_model
from signals.progressive.prior import TraceMoments, fit_prior
from tests.unit.signals.progressive_world import world


def past(seed: int, items: int, traces: int, days: int = 7) -> tuple[object, list[np.ndarray]]:
    w = world(seed, traces=items * traces, items=items, days=days)
    return w, [w.traces[w.items == item] for item in range(items) if (w.items == item).any()]


def test_many_items_give_the_prior_back() -> None:
    w, items = past(1, items=4000, traces=20)
    fitted = fit_prior(TraceMoments.from_traces(items))
    drawn = np.cov(w.effects.T)
    scale = np.sqrt(np.outer(np.diag(drawn), np.diag(drawn)))
    assert_allclose(fitted.mean, w.prior.mean, atol=0.06)
    assert np.abs((fitted.between - drawn) / scale).max() < 0.08
    scale = np.sqrt(np.outer(np.diag(w.prior.within), np.diag(w.prior.within)))
    assert np.abs((fitted.within - w.prior.within) / scale).max() < 0.03


def test_noise_of_few_traces_is_taken_out_of_the_covariance_of_items() -> None:
    w, items = past(2, items=6000, traces=3)
    truth, fitted = w.prior.between.sum(), fit_prior(TraceMoments.from_traces(items)).between.sum()
    naive = np.cov(np.array([traces.mean(axis=0) for traces in items]).T).sum()
    assert fitted == pytest.approx(truth, rel=0.15)
    assert naive > 1.5 * truth


def test_moments_add_up_and_equal_plain_means_and_covariances() -> None:
    _, items = past(3, items=40, traces=30)
    items = [traces[:20] for traces in items if len(traces) >= 20]
    fitted = fit_prior(TraceMoments.from_traces(iter(items)))
    pooled = np.mean([np.cov(traces.T) for traces in items], axis=0)
    freedom = len(items) * 19
    assert_allclose(fitted.mean, np.mean([traces.mean(axis=0) for traces in items], axis=0))
    assert fitted.within.sum() == pytest.approx(pooled.sum())
    assert fitted.within.trace() == pytest.approx(pooled.trace())
    assert_allclose(fitted.within, pooled, atol=7 / freedom * np.abs(pooled).max() * 2)


def test_fewer_items_than_days_are_drawn_together_and_widened() -> None:
    errors: dict[str, list[float]] = {"drawn": [], "plain": []}
    widened = (1 + 1 / 6) * 5 / 3
    for seed in range(20):
        w, items = past(10 + seed, items=6, traces=4000)
        means = np.array([traces.mean(axis=0) for traces in items])
        plain, fitted = np.cov(means.T), fit_prior(TraceMoments.from_traces(items)).between
        assert np.linalg.eigvalsh(fitted).min() > -1e-9
        assert np.linalg.matrix_rank(fitted, tol=1e-4) == 7 > np.linalg.matrix_rank(plain, tol=1e-4)
        assert fitted.trace() == pytest.approx(widened * plain.trace(), rel=0.02)
        errors["drawn"].append(np.linalg.norm(fitted / widened - w.prior.between))
        errors["plain"].append(np.linalg.norm(plain - w.prior.between))
    assert np.mean(errors["drawn"]) < np.mean(errors["plain"])


def test_a_day_on_which_nothing_ever_happened_can_be_whitened() -> None:
    rng = np.random.default_rng(5)
    items = [(rng.random((50, 4)) < 0.3) * np.array([1, 1, 0, 1]) for _ in range(10)]
    fitted = fit_prior(TraceMoments.from_traces(items))
    assert np.linalg.eigvalsh(fitted.within).min() > 0


@pytest.mark.parametrize("days", [np.ones((4, 4)), np.eye(4)], ids=["all or none", "one day each"])
def test_days_that_say_all_of_each_other_can_be_whitened(days: np.ndarray) -> None:
    rng = np.random.default_rng(6)
    items = [days[rng.integers(4, size=30)] * (rng.random((30, 1)) < 0.2 * n if days[0, 1] else 1) for n in range(1, 5)]
    assert np.linalg.eigvalsh(fit_prior(TraceMoments.from_traces(items)).within).min() > 0


@pytest.mark.parametrize(
    "items",
    [[], [np.ones((5, 3))], [np.eye(3)[:1], np.eye(3)[1:2]], [np.ones((4, 3)), np.ones((6, 3))]],
    ids=["none", "one item", "one trace each", "never differ"],
)
def test_too_little_for_a_prior_is_said(items: list[np.ndarray]) -> None:
    with pytest.raises(InputError):
        fit_prior(TraceMoments.from_traces(items))


def conversions(seed: int, cases: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Conversions after exponential delays of 10 days on the whole, seen at ages uniform on 30 days.

    Returns:
        Covariates, whether a case will convert, whether it has, and days to conversion or age.
    """
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(cases), rng.normal(size=cases)])
    truth = DelayModel(np.array([-0.98, 0.8]), np.array([-2.33, 0.3]))
    will_convert = rng.random(cases) < truth.rate(x)
    delay, age = rng.exponential(np.exp(-x @ truth.speed)), rng.uniform(0.01, 30, cases)
    return x, will_convert, will_convert & (delay <= age), np.where(will_convert & (delay <= age), delay, age)


def test_conversions_that_are_not_there_yet_are_foretold() -> None:
    x, will_convert, has_converted, time = conversions(1)
    model = fit_delay_model(x, has_converted, time)
    assert will_convert.mean() == pytest.approx(0.294, abs=0.005)
    assert has_converted.mean() == pytest.approx(0.208, abs=0.006)
    assert model.rate(x).mean() == pytest.approx(will_convert.mean(), abs=0.012)
    assert_allclose(model.converts, [-0.98, 0.8], atol=0.12)
    assert_allclose(model.speed, [-2.33, 0.3], atol=0.12)
    waiting = ~has_converted
    assert model.still(x, time)[waiting].mean() == pytest.approx(will_convert[waiting].mean(), abs=0.015)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    from scipy.optimize import check_grad

    from signals.progressive.delayed_feedback import _loss

    x, _, has_converted, time = conversions(2, cases=300)
    point = np.array([-0.5, 0.4, -2.0, 0.1])

    def value(both: np.ndarray) -> float:
        return _loss(both[:2], both[2:], (x, has_converted, time), 1.0)[0]

    def gradient(both: np.ndarray) -> np.ndarray:
        return _loss(both[:2], both[2:], (x, has_converted, time), 1.0)[1]

    assert check_grad(value, gradient, point) < 1e-3 * np.linalg.norm(gradient(point))


def test_nothing_converted_is_said() -> None:
    with pytest.raises(InputError, match="needs cases that converted"):
        fit_delay_model(np.ones((3, 1)), np.zeros(3, dtype=bool), np.ones(3))
