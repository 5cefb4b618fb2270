"""Training of the sequential transformer: binary cross-entropy on the label of each exposure, from 0 to 1.

A softmax over the slate is undefined where nothing on it was positive. A logit for each exposure also learns from
those slates and is calibrated. Each (user, as_of) is encoded once, however many items it was shown.
"""

import math
import time
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from longplay.errors import InputError
from rankers.dataset.histories import FIRST_ITEM, UNKNOWN, HistoryWindow, Vocabulary
from rankers.dataset.ranking_data import RankingData, RowBatch
from rankers.dataset.weights import effective_rows, row_weights
from rankers.evaluation.evaluate import label_metrics
from rankers.models.adamw import AdamW
from rankers.models.base import Report, TrainedRanker, rows_of
from rankers.models.transformer_config import TransformerConfig
from rankers.models.transformer_model import (
    POSITIONS,
    UNKNOWN_POSITION,
    SequenceModel,
    Shape,
    TransformerScorer,
    compress,
    cpu_threads,
)

BATCHES_SORTED_TOGETHER = 8


@dataclass(frozen=True)
class Examples:
    """Training rows grouped by context: rows of context c are order[offsets[c]:offsets[c + 1]]."""

    rows: RowBatch
    positions: NDArray[np.int64]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    order: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def of_contexts(self, contexts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of these contexts, and for each row the index of its context in ``contexts``."""
        starts = self.offsets[contexts]
        counts = self.offsets[contexts + 1] - starts
        owner = np.repeat(np.arange(len(contexts)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.order[starts[owner] + within], owner


def fit_transformer(
    label: str, data: RankingData, config: TransformerConfig, seed: int, report: Report
) -> TrainedRanker:
    """Train on the train split's mature rows and return the epoch with the best valid NDCG@10.

    Raises:
        InputError: the train split has no mature row, or no positive one.
    """
    train = data.subset(data.in_split("train") & data.mature(label))
    valid = data.subset(data.in_split("valid") & data.mature(label))
    if not (train.values(label) > 0).any():
        raise InputError("No mature training row has a positive label.", where=f"label '{label}', split 'train'")
    vocabulary = training_items(train, config.length)
    examples = make_examples(train, label, vocabulary, config)
    # Torch's global generator draws the initial weights: it is seeded here and restored afterwards.
    with cpu_threads(config.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SequenceModel(config, Shape(vocabulary.size, len(data.feature_names)))
        _set_scales(model, examples)
        loop = _Loop(model, config, examples, np.random.default_rng(seed))
        scorer = TransformerScorer(model, config.length, config.threads)
        ranker = TrainedRanker("transformer", label, config, seed, data.feature_names, vocabulary, scorer)
        notes = loop.run(ranker, valid, report)
    return TrainedRanker("transformer", label, config, seed, data.feature_names, vocabulary, scorer, notes)


def training_items(train: RankingData, length: int) -> Vocabulary:
    """Items that occur in training, as candidates or in histories; any other scores as the unknown item."""
    codes = np.unique(train.histories(length).items)
    item_ids = np.asarray(train.sequences.vocabulary.items, dtype=object)
    return Vocabulary.from_ids(train.frame["item_id"], item_ids[codes[codes >= FIRST_ITEM] - FIRST_ITEM])


def make_examples(train: RankingData, label: str, vocabulary: Vocabulary, config: TransformerConfig) -> Examples:
    """The rows in the model's codes, grouped by context."""
    rows = rows_of(train, vocabulary, train.feature_names, config.length)
    order = np.argsort(rows.context, kind="stable")
    position = np.nan_to_num(train.positions, nan=UNKNOWN_POSITION).astype(np.int64)
    return Examples(
        rows=rows,
        positions=np.clip(position, 0, POSITIONS),
        labels=train.values(label),
        weights=row_weights(train, label, config.weighted),
        order=order,
        offsets=np.searchsorted(rows.context[order], np.arange(len(rows.history.items) + 1)),
    )


def _set_scales(model: SequenceModel, examples: Examples) -> None:
    """Set the means and deviations of the features, and the base rate as the first logit."""
    values = compress(torch.from_numpy(examples.rows.features)).numpy()
    is_finite = np.isfinite(values)
    count = np.maximum(is_finite.sum(axis=0), 1)
    mean = np.where(is_finite, values, 0).sum(axis=0) / count
    spread = np.sqrt((np.where(is_finite, values - mean, 0) ** 2).sum(axis=0) / count)
    model.mean.copy_(torch.from_numpy(mean))
    model.scale.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, 1)))
    rate = float(np.clip(np.average(examples.labels, weights=examples.weights), 1e-4, 1 - 1e-4))
    torch.nn.init.constant_(model.base, math.log(rate / (1 - rate)))


class _Loop:
    """Epochs over shuffled contexts with AdamW, warm-up, cosine decay, patience and a time limit."""

    def __init__(
        self, model: SequenceModel, config: TransformerConfig, examples: Examples, rng: np.random.Generator
    ) -> None:
        self.model, self.config, self.examples, self.rng = model, config, examples, rng
        self.lengths = (examples.rows.history.items != 0).sum(axis=1)
        steps = config.epochs * math.ceil(len(self.lengths) / config.batch)
        self.optimiser = AdamW(model.parameters(), config.learning_rate, config.weight_decay, steps)
        self.deadline = time.monotonic() + config.max_seconds

    def run(self, ranker: TrainedRanker, valid: RankingData, report: Report) -> dict[str, float]:
        """Train, leave the best weights in the model, and return notes about the training."""
        started = time.monotonic()
        best, best_epoch, weights, epoch = -math.inf, 0, deepcopy(self.model.state_dict()), 0
        for epoch in range(1, self.config.epochs + 1):
            loss = self._epoch()
            metrics = label_metrics(valid, ranker.score(valid), ranker.label) if len(valid.frame) else {}
            ndcg = metrics.get(f"ndcg_at_10_{ranker.label}", -loss)
            report(epoch, {"train_loss": loss, "valid_ndcg_at_10": ndcg} if metrics else {"train_loss": loss})
            if ndcg > best:
                best, best_epoch, weights = ndcg, epoch, deepcopy(self.model.state_dict())
            if epoch - best_epoch >= self.config.patience or time.monotonic() > self.deadline:
                break
        self.model.load_state_dict(weights)
        return {
            "best_step": float(best_epoch),
            "epochs": float(epoch),
            "train_rows": float(len(self.examples.labels)),
            "effective_rows": effective_rows(self.examples.weights),
            "seconds": time.monotonic() - started,
            "cut_by_time": float(time.monotonic() > self.deadline),
        }

    def _epoch(self) -> float:
        total, rows = 0.0, 0
        for contexts in self._batches():
            loss, size = self._step(contexts)
            total, rows = total + loss * size, rows + size
            if time.monotonic() > self.deadline:
                break
        return total / max(rows, 1)

    def _batches(self) -> list[NDArray[np.int64]]:
        """Shuffled contexts; within a few batches, contexts of similar length go together to save padding."""
        shuffled = self.rng.permutation(len(self.lengths))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(shuffled), self.config.batch * BATCHES_SORTED_TOGETHER):
            part = shuffled[start : start + self.config.batch * BATCHES_SORTED_TOGETHER]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches += [part[i : i + self.config.batch] for i in range(0, len(part), self.config.batch)]
        return [batches[i] for i in self.rng.permutation(len(batches))]

    def _step(self, contexts: NDArray[np.int64]) -> tuple[float, int]:
        data = self.examples
        rows, owner = data.of_contexts(contexts)
        window = HistoryWindow(data.rows.history.items[contexts], data.rows.history.age_days[contexts])
        states = self.model.encode(
            torch.from_numpy(self._some_unknown(window.items)), torch.from_numpy(window.age_days)
        )
        logits = self.model.logits(
            states[torch.from_numpy(owner)],
            torch.from_numpy(self._some_unknown(data.rows.items[rows])),
            torch.from_numpy(data.rows.features[rows]),
            torch.from_numpy(data.positions[rows]),
        )
        labels, weights = torch.from_numpy(data.labels[rows]), torch.from_numpy(data.weights[rows])
        loss = functional.binary_cross_entropy_with_logits(logits, labels, weights)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return float(loss.detach()), len(rows)

    def _some_unknown(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Replace a small share of real items by the unknown one, so that its embedding is trained."""
        hidden = (items >= FIRST_ITEM) & (self.rng.random(items.shape) < self.config.unknown_share)
        return np.where(hidden, UNKNOWN, items)
