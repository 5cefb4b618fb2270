"""The written-out AdamW follows the published update."""

import pytest
import torch

from rankers.models.adamw import AdamW, schedule


def test_first_steps_by_hand() -> None:
    # Step 1: m = .1 g, v = .02 g^2, both bias-corrected to g and g^2, so the step is the rate itself,
    # after the parameter shrank by rate x decay.
    parameter = torch.tensor([2.0], requires_grad=True)
    optimiser = AdamW([parameter], learning_rate=0.1, weight_decay=0.5, steps=1)
    (3 * parameter).sum().backward()
    optimiser.step()
    assert parameter.item() == pytest.approx(2.0 * (1 - 0.05) - 0.1)
    assert parameter.grad is None


def test_rate_warms_up_then_falls() -> None:
    assert [schedule(step, 100) for step in (0, 4)] == [pytest.approx(0.2), 1.0]
    assert schedule(5, 100) == pytest.approx(1.0)
    assert schedule(100, 100) == pytest.approx(1e-3)
