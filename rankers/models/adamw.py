"""AdamW with warm-up and cosine decay, written out.

Making a torch.optim optimiser imports torch's compiler, which takes longer than training a small model; the
algorithm is a few lines (Loshchilov and Hutter, ICLR 2019).
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

BETAS = (0.9, 0.98)
EPSILON = 1e-8
WARM_UP = 0.05
LAST_RATE = 1e-3


class AdamW:
    """Steps parameters by their gradients, with decoupled weight decay.

    Args:
        parameters: what is trained.
        learning_rate: rate after warm-up.
        weight_decay: decoupled L2 penalty.
        steps: planned number of steps, which sets warm-up and decay.
    """

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float, weight_decay: float, steps: int) -> None:
        self.parameters = list(parameters)
        self.learning_rate, self.weight_decay, self.steps = learning_rate, weight_decay, steps
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]
        self.taken = 0

    @torch.no_grad()
    def step(self) -> None:
        """One update; gradients are dropped after it."""
        rate = self.learning_rate * schedule(self.taken, self.steps)
        self.taken += 1
        first_bias, second_bias = (1 - beta**self.taken for beta in BETAS)
        for parameter, (first, second) in zip(self.parameters, self.moments, strict=True):
            if parameter.grad is None:
                continue
            first.lerp_(parameter.grad, 1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(parameter.grad, parameter.grad, value=1 - BETAS[1])
            parameter.mul_(1 - rate * self.weight_decay)
            parameter.addcdiv_(first, (second / second_bias).sqrt_().add_(EPSILON), value=-rate / first_bias)
            parameter.grad = None


def schedule(step: int, steps: int) -> float:
    """Share of the rate at a step from 0: linear warm-up over 5% of the steps, then half a cosine."""
    warm = max(1, int(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))
