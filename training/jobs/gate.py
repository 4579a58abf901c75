"""Sharing a machine while it trains.

People who want predictions or samples come before the training in the background.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

PATIENCE = 0.5  # s that a training step may be held back
SHARE = 0.35  # of the time that people's pictures may take, together, while anything trains,
# Pictures a second then; what is sent and shown costs the machine something, too.
MAX_PER_SECOND = 30
COST_MEMORY = 0.8  # weight of the past in what a picture is expected to take


class Gate:
    """People come first, but not so often that nothing is learned any more.

    While nothing trains everybody is let in at once. Else whoever wants a picture gets the next
    turn; turns lie so far apart that they fill ``SHARE`` of the time at most.
    """

    def __init__(self) -> None:
        self._calm = threading.Condition(threading.Lock())
        self._inside = self._trainings = 0
        self._cost = self._turn = 0.0

    @contextlib.contextmanager
    def foreground(self) -> Iterator[None]:
        """While inside, trainings hold back between two steps, so that a prediction is quick."""
        self._await_turn()
        started = time.monotonic()
        with self._calm:
            self._inside += 1
        try:
            yield
        finally:
            took = time.monotonic() - started
            with self._calm:
                self._inside -= 1
                # No training waits longer than PATIENCE, so longer requests cost it no more.
                self._cost = COST_MEMORY * self._cost + (1 - COST_MEMORY) * min(took, PATIENCE)
                self._calm.notify_all()

    def _await_turn(self) -> None:
        with self._calm:
            if not self._trainings:
                return
            now = time.monotonic()
            mine = max(now, self._turn)
            self._turn = mine + max(self._cost / SHARE, 1 / MAX_PER_SECOND)
        time.sleep(mine - now)  # without the lock: others take their turns meanwhile

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Around all that a worker does for one run: meanwhile ``foreground`` takes turns."""
        with self._calm:
            self._trainings += 1
        try:
            yield
        finally:
            with self._calm:
                self._trainings -= 1

    def hold_back(self) -> None:
        """Between two steps: wait while somebody is inside, for ``PATIENCE`` at most."""
        with self._calm:
            self._calm.wait_for(lambda: self._inside == 0, timeout=PATIENCE)
