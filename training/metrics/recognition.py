"""Whether pictures are recognised as what they should be."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

STRENGTH = 0.003  # scikit-learn's C; 0.001 to 0.1 differ by 1 to 3 points
ITERATIONS = 100


class Recogniser:
    """A classifier on a judge's features of real training pictures.

    It says what other measures can't: a generator may paint good pictures of the wrong class.
    ``features`` are (N, D), ``labels`` (N,) with two classes at least.
    """

    def __init__(self, features: Tensor, labels: Tensor) -> None:
        self._model: Pipeline = make_pipeline(
            StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=ITERATIONS)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not matter
            self._model.fit(features.double().numpy(), labels.cpu().numpy())

    def share(self, features: Tensor, labels: Tensor) -> float:
        """How many of ``features`` (M, D) are taken for what ``labels`` (M,) say."""
        guesses = self._model.predict(features.double().numpy())
        return float(np.mean(guesses == labels.cpu().numpy()))
