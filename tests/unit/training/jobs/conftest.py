"""Runs in the background, with quick evaluations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def few_samples() -> Iterator[None]:
    """Evaluations of a few samples: how good they are is not the question here.

    A patch of its own, which survives a test that undoes its own ones.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.gan.monitor.EVAL_SAMPLES", 16)
        patch.setattr("training.gan.evaluate.FINAL_SAMPLES", 16)
        yield
