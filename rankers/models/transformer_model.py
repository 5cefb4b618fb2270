"""A small sequential transformer: it turns past consumptions and their ages into a state that scores candidates.

Pre-LN causal self-attention over the last L consumptions (SASRec: Kang and McAuley, ICDM 2018), with the
age of each consumption as an embedding of its logarithm, and a logit for each (context, item).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rankers.dataset.histories import PAD
from rankers.dataset.ranking_data import RowBatch
from rankers.dataset.request_rows import SERVED_POSITION
from rankers.models.transformer_config import TransformerConfig

AGE_BUCKETS = 32
POSITIONS = 64
UNKNOWN_POSITION = 0
CONTEXTS_AT_ONCE = 512
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Shape:
    """Sizes that the data decide: codes in the vocabulary and number of features."""

    items: int
    features: int


class Block(nn.Module):
    """Pre-LN attention and feed-forward, without dropout (attention dropout halves the speed on a CPU)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, last: Tensor | None = None) -> Tensor:
        """[n, T, d] to [n, T, d], or to [n, 1, d] for the positions ``last`` [n] alone.

        Padding is on the right, so the causal mask keeps it away from every real position.
        """
        normed = self.norm_attention(x)
        key, value = self.key_value(normed).chunk(2, dim=-1)
        if last is None:
            mixed = self._attend(self.query(normed), key, value, None)
        else:
            rows = torch.arange(len(x))
            x, normed = x[rows, last][:, None], normed[rows, last][:, None]
            is_real = torch.arange(key.shape[1])[None, :] <= last[:, None]
            mixed = self._attend(self.query(normed), key, value, is_real[:, None, None, :])
        x = x + self.out(mixed)
        fed: Tensor = x + self.feed(self.norm_feed(x))
        return fed

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = self._split(query), self._split(key), self._split(value)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return mixed.transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        """[n, T, d] to [n, heads, T, d / heads]."""
        n, length, width = x.shape
        return x.view(n, length, self.heads, width // self.heads).transpose(1, 2)


class SequenceModel(nn.Module):
    """Logit of a label for (history, item, features); shapes in the methods."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: TransformerConfig, shape: Shape) -> None:
        super().__init__()
        width = config.width
        self.item = nn.Embedding(shape.items, width, padding_idx=PAD)
        self.age = nn.Embedding(AGE_BUCKETS, width)
        self.start = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList([Block(width, config.heads) for _ in range(config.blocks)])
        self.norm = nn.LayerNorm(width)
        self.item_bias = nn.Embedding(shape.items, 1)
        self.position_bias = nn.Embedding(POSITIONS + 1, 1)
        self.base = nn.Parameter(torch.zeros(()))
        self.register_buffer("mean", torch.zeros(shape.features))
        self.register_buffer("scale", torch.ones(shape.features))
        self.tower = _tower(2 * shape.features, config.tower_width) if config.feature_tower else None
        for table in (self.item, self.age):
            nn.init.normal_(table.weight, std=0.1)
        for bias in (self.item_bias, self.position_bias):
            nn.init.zeros_(bias.weight)
        with torch.no_grad():
            self.item.weight[PAD] = 0

    def encode(self, items: Tensor, age_days: Tensor) -> Tensor:
        """States [n, d] of histories [n, L] (codes, oldest first, right-padded) and ages in days [n, L].

        A learned start token precedes every history, so an empty one has a state too.
        """
        count = (items != PAD).sum(dim=1)
        width = int(count.max()) if len(count) else 0
        bucket = (2 * torch.log2(1 + 24 * age_days[:, :width])).long().clamp(0, AGE_BUCKETS - 1)
        tokens = self.item(items[:, :width]) + self.age(bucket)
        x = torch.cat([self.start.expand(len(items), 1, -1), tokens], dim=1)
        for block in self.blocks[:-1]:
            x = block(x)
        # Only the last real position is read, so the last block computes no other.
        state: Tensor = self.norm(self.blocks[-1](x, count)[:, 0])
        return state

    def logits(self, states: Tensor, items: Tensor, features: Tensor, position: Tensor | None = None) -> Tensor:
        """[m] logits for states [m, d], item codes [m] and features [m, F]; at position 1 unless given."""
        if position is None:
            position = torch.full_like(items, SERVED_POSITION)
        match = (states * self.item(items)).sum(dim=-1) / states.shape[-1] ** 0.5
        out: Tensor = self.base + match + self.item_bias(items)[:, 0] + self.position_bias(position)[:, 0]
        if self.tower is not None:
            out = out + self.tower(self.standardise(features))[:, 0]
        return out

    def standardise(self, features: Tensor) -> Tensor:
        """[m, 2F]: log-compressed, standardised features with 0 for unknown, and the flags of unknown."""
        is_unknown = torch.isnan(features)
        scaled = (compress(features) - self.mean) / self.scale
        return torch.cat([scaled.masked_fill(is_unknown, 0.0), is_unknown.to(scaled.dtype)], dim=1)


def compress(features: Tensor) -> Tensor:
    """Signed log(1 + |x|): counts are heavy-tailed."""
    return torch.sign(features) * torch.log1p(torch.abs(features))


def _tower(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1))


@contextmanager
def cpu_threads(threads: int) -> Iterator[None]:
    """Set torch's CPU threads inside the block, and restore the previous number after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class TransformerScorer:
    """A trained model that scores rows in batches without gradients.

    Attributes:
        model: weights.
        history_length: consumptions of history it reads, L.
        threads: CPU threads while scoring.
    """

    model: SequenceModel
    history_length: int
    threads: int

    @classmethod
    def from_file(cls, file: Path, config: TransformerConfig, shape: Shape) -> "TransformerScorer":
        """Read weights that `save_weights` wrote."""
        model = SequenceModel(config, shape)
        model.load_state_dict(torch.load(file, weights_only=True))
        return cls(model, config.length, config.threads)

    def save_weights(self, file: Path) -> None:
        """Write the weights, without any code."""
        torch.save(self.model.state_dict(), file)

    def score(self, rows: RowBatch) -> NDArray[np.float64]:
        """[m] logits; each context is encoded once, contexts of similar length together."""
        scores = np.empty(len(rows.items), dtype=np.float64)
        with cpu_threads(self.threads), torch.inference_mode():
            states = self._states(rows)
            for start in range(0, len(scores), ROWS_AT_ONCE):
                part = slice(start, start + ROWS_AT_ONCE)
                scores[part] = self.model.logits(
                    states[torch.from_numpy(rows.context[part])],
                    torch.from_numpy(rows.items[part]),
                    torch.from_numpy(rows.features[part]),
                ).numpy()
        return scores

    def _states(self, rows: RowBatch) -> Tensor:
        """[n, d], one state for each row of the history."""
        items, ages = torch.from_numpy(rows.history.items), torch.from_numpy(rows.history.age_days)
        order = torch.argsort((items != PAD).sum(dim=1), stable=True)
        states = torch.empty(len(items), self.model.start.shape[0])
        for start in range(0, len(order), CONTEXTS_AT_ONCE):
            part = order[start : start + CONTEXTS_AT_ONCE]
            states[part] = self.model.encode(items[part], ages[part])
        return states
