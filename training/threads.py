"""How this process shares the processor with others."""

from __future__ import annotations

import os
import sys

SWITCH_SECONDS = 0.0005


def share_cores() -> None:
    """Let OpenMP's threads sleep while they wait for each other; call before torch is imported.

    By default they spin, which is a little faster on an idle machine and a catastrophe on a busy
    one: with a second process on the same two cores a training step ran at 24 images/s spinning
    and at 448 asleep. A choice already made in the environment is respected.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def switch_often() -> None:
    """Let Python threads take turns ten times as often as usual.

    A training thread holds the interpreter for a whole turn; a request that has a dozen small
    things to do would wait for it a dozen times.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
