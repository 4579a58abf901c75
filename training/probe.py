"""A linear head on frozen features: multinomial logistic regression by L-BFGS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pulls towards zero that are tried, strong to weak, as multiples of ||W||^2 / (2 N) on
# standardised features; the strong end keeps few pictures from being learned by heart.
STRENGTHS = (3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
ITERATIONS = 40  # of L-BFGS for each strength, which starts where the one before ended


@dataclass(frozen=True)
class Trial:
    """One strength tried: mean losses and accuracies on fitted and on unseen pictures."""

    strength: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


class Probe:
    """Fits the head on features x (N, D) with labels y (N,)."""

    def __init__(self, x: Tensor, class_count: int, class_weights: Tensor | None) -> None:
        """Standardise by the mean and deviation of ``x``; ``class_weights`` (classes,) or none."""
        self.mean = x.mean(dim=0)
        self.scale = x.std(dim=0, correction=0).clamp_min(1e-6)
        self.class_count = class_count
        self.class_weights = class_weights

    def _standard(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.scale

    def try_strengths(self, folds: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Iterator[Trial]:
        """One Trial per strength over ``folds`` of (x fitted, y fitted, x unseen, y unseen).

        Stops early where weaker pulls only make it worse.
        """
        ready = [(self._standard(a), b, self._standard(c), d) for a, b, c, d in folds]
        weights = [self._zeros(a) for a, *_ in ready]
        best, worse = float("inf"), 0
        for strength in STRENGTHS:
            sums = torch.zeros(4)
            for weight, (x, y, unseen_x, unseen_y) in zip(weights, ready, strict=True):
                self._fit(weight, x, y, strength)
                seen, unseen = self._score(weight, x, y), self._score(weight, unseen_x, unseen_y)
                sums += torch.tensor([*seen, *unseen])
            trial = Trial(strength, *(sums / len(ready)).tolist())
            yield trial
            worse = worse + 1 if trial.val_loss > best else 0
            best = min(best, trial.val_loss)
            if worse == 2:  # from here on it only learns by heart
                return

    def fit(self, x: Tensor, y: Tensor, strength: float) -> nn.Linear:
        """The head for raw features: the standardisation is folded into its weights."""
        x = self._standard(x)
        weight = self._zeros(x)
        for step in STRENGTHS:  # down the same path as the trials
            if step >= strength:
                self._fit(weight, x, y, step)
        head = nn.Linear(x.shape[1], self.class_count)
        with torch.no_grad():
            head.weight.copy_(weight[:-1].T / self.scale)
            head.bias.copy_(weight[-1] - head.weight @ self.mean)
        return head

    def _zeros(self, x: Tensor) -> Tensor:
        return torch.zeros(x.shape[1] + 1, self.class_count)  # the last row is the bias

    def _fit(self, weight: Tensor, x: Tensor, y: Tensor, strength: float) -> None:
        weight.requires_grad_(True)
        solver = torch.optim.LBFGS(
            [weight], max_iter=ITERATIONS, history_size=10, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            solver.zero_grad()
            scores = torch.addmm(weight[-1], x, weight[:-1])
            value = F.cross_entropy(scores, y, weight=self.class_weights)
            value = value + strength / (2 * len(x)) * weight[:-1].square().sum()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        solver.step(loss)  # type: ignore[arg-type]
        weight.requires_grad_(False)

    def _score(self, weight: Tensor, x: Tensor, y: Tensor) -> tuple[float, float]:
        scores = torch.addmm(weight[-1], x, weight[:-1])
        right = (scores.argmax(dim=1) == y).float().mean()
        return F.cross_entropy(scores, y).item(), right.item()
