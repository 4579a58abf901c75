"""Multinomial logistic regression by L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pulls towards zero that are tried, strong to weak, as multiples of ||W||^2 / (2 N) on
# standardised features; the strong end keeps few pictures from being learned by heart.
STRENGTHS = (1000.0, 200.0, 40.0, 8.0, 1.6)
ITERATIONS = 10  # of L-BFGS for each strength, which starts where the one before ended
FINAL_ITERATIONS = 40
MAX_EVALS = 26  # of the objective in one iteration, as many as its line search has any use for


@dataclass(frozen=True)
class Trial:
    """One strength tried: mean losses and accuracies on fitted and on unseen pictures."""

    strength: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


class Probe:
    """Fits heads to features x (N, D) with labels y (N,).

    The features are standardised and, where N < D, rotated into the N dimensions they span:
    the pull towards zero does not change under a rotation, but the sums become shorter.
    """

    def __init__(
        self, x: Tensor, y: Tensor, class_count: int, class_weights: Tensor | None
    ) -> None:
        """``class_weights`` (classes,) or none."""
        self.mean = x.mean(dim=0)
        self.scale = x.std(dim=0, correction=0).clamp_min(1e-6)
        standard = (x - self.mean) / self.scale
        self.rotation: Tensor | None = None
        if x.shape[0] < x.shape[1]:
            self.rotation = torch.linalg.qr(standard.T).Q  # (D, N)
            standard = standard @ self.rotation
        self.x, self.y = standard, y
        self.class_count, self.class_weights = class_count, class_weights

    def try_strengths(self, fitted: Tensor) -> Iterator[Trial]:
        """One Trial per strength, from strong to weak, as long as weaker ones may be better.

        ``fitted`` (N, K) says for K ways of dividing the pictures which ones are fitted; the
        others are unseen. All K heads are fitted at once.
        """
        weight = self._zeros(fitted.shape[1])
        best = float("inf")
        for strength in STRENGTHS:
            trial = self._try(weight, fitted, strength)
            yield trial
            if trial.val_loss > best:  # from here on it only learns by heart
                return
            best = trial.val_loss

    def _try(self, weight: Tensor, fitted: Tensor, strength: float) -> Trial:
        share = fitted / fitted.sum(dim=0)  # (N, K), the weight of each picture in its mean
        rest = ~fitted / (~fitted).sum(dim=0)
        self._fit(weight, share, strength / fitted.sum(dim=0), ITERATIONS)
        measured = torch.stack(self._measure(weight))  # (loss and right, N, K)
        seen, unseen = ((measured * side).sum(dim=1).mean(dim=1) for side in (share, rest))
        return Trial(strength, *seen.tolist(), *unseen.tolist())

    def fit(self, strength: float) -> nn.Linear:
        """The head fitted to all pictures, for features as they come from the network."""
        weight = self._zeros(1)
        self._fit(weight, *self._whole(strength), FINAL_ITERATIONS)
        return self._head(weight)

    def fit_steps(self, strength: float) -> Iterator[nn.Linear]:
        """The head that knows nothing, and what becomes of it with each iteration of ``fit``."""
        weight = self._zeros(1)
        yield self._head(weight)
        # Each step measures where it stands once more, so that this takes longer than ``fit``.
        step = self._stepper(weight, *self._whole(strength), 1)
        for _ in range(FINAL_ITERATIONS):
            step()
            yield self._head(weight.detach())

    def _whole(self, strength: float) -> tuple[Tensor, Tensor]:
        """The shares and the pull with which all pictures count alike."""
        count = len(self.x)
        return torch.full((count, 1), 1 / count), torch.tensor([strength / count])

    def _head(self, weight: Tensor) -> nn.Linear:
        """For features as they come from the network."""
        direction, bias = weight[:-1, 0], weight[-1, 0]  # (D or N, classes), (classes,)
        if self.rotation is not None:
            direction = self.rotation @ direction
        head = nn.Linear(len(self.mean), self.class_count)
        with torch.no_grad():
            head.weight.copy_(direction.T / self.scale)
            head.bias.copy_(bias - head.weight @ self.mean)
        return head

    def _zeros(self, ways: int) -> Tensor:
        return torch.zeros(self.x.shape[1] + 1, ways, self.class_count)  # the last row: biases

    def _scores(self, weight: Tensor) -> Tensor:
        scores = torch.addmm(weight[-1].flatten(), self.x, weight[:-1].flatten(1))
        return scores.view(len(self.x), -1, self.class_count)  # (N, K, classes)

    def _losses(self, scores: Tensor, class_weights: Tensor | None) -> Tensor:
        ways = scores.shape[1]
        target = self.y[:, None].expand(-1, ways).flatten()
        flat = F.cross_entropy(scores.flatten(0, 1), target, class_weights, reduction="none")
        return flat.view(-1, ways)  # (N, K)

    def _fit(self, weight: Tensor, share: Tensor, pull: Tensor, iterations: int) -> None:
        """Minimise, for each way k, the mean loss plus pull_k / 2 * ||W_k||^2."""
        self._stepper(weight, share, pull, iterations)()
        weight.requires_grad_(False)

    def _stepper(
        self, weight: Tensor, share: Tensor, pull: Tensor, iterations: int
    ) -> Callable[[], object]:
        """Every call goes on with ``_fit`` for so many iterations."""
        weight.requires_grad_(True)
        solver = torch.optim.LBFGS(
            [weight],
            max_iter=iterations,
            # A share of the iterations, if not said: none would be left for a single one's search.
            max_eval=MAX_EVALS if iterations == 1 else None,
            history_size=10,
            line_search_fn="strong_wolfe",
        )

        def objective() -> Tensor:
            solver.zero_grad()
            loss = (self._losses(self._scores(weight), self.class_weights) * share).sum()
            loss = loss + (pull / 2 * weight[:-1].square().sum(dim=(0, 2))).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        return lambda: solver.step(objective)  # type: ignore[arg-type]

    def _measure(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Loss without class weights, and whether right, for every picture and way: (N, K)."""
        scores = self._scores(weight)
        right = scores.argmax(dim=2) == self.y[:, None]
        return self._losses(scores, None), right.float()
