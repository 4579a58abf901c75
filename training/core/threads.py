"""Cores, threads and heaps.

How this process shares the processor and the memory with others, and among its threads. All of it
is to be called before there is a second thread.
"""

from __future__ import annotations

import ctypes
import os
import sys

SWITCH_SECONDS = 0.0005  # Python's own is 0.005
MAX_HEAPS = 2
_M_ARENA_MAX = -8  # of glibc's malloc.h


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


def few_heaps() -> None:
    """Let all threads take their memory from the same few heaps, where the C library is glibc.

    By default there are eight for each core, and what one thread gives back no other gets: a server
    whose threads come and go grew by 10 MiB a minute without end, and does not with two.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # musl has one heap anyway
            mallopt(_M_ARENA_MAX, MAX_HEAPS)
