"""A stand-in for ZeroGPU's ``spaces``.

Keeps to that package's rules where there is no GPU. A generator that is decorated by ``GPU`` runs
in a forked process, which is killed when its ``duration`` is up; what it is given and what it
yields are pickled; of its exceptions only the name comes back; closed, it stops at its next yield.
Outside of such a call torch says that there is CUDA, as on ZeroGPU, and whoever takes it at its
word gets an error.
"""

from __future__ import annotations

import inspect
import multiprocessing
import os
import pickle
import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial, wraps
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

import torch

REFUSED = "SEEDLING_TEST_REFUSED_CALLS"  # how many calls from now on there is no GPU for
LAST_WORD = (False, None)

_fork = multiprocessing.get_context("fork")
_real = torch.cuda.is_available, torch._C._cuda_init if hasattr(torch._C, "_cuda_init") else None
Task = Callable[..., Iterator[Any]]


class Refused(Exception):
    """No GPU now: the queue is full, or somebody's share of the day is used up."""


class Aborted(Exception):
    """The process has ended before its last word."""


def pretend() -> None:
    """Make torch say that there is a GPU, and let nobody have it."""

    def outside() -> None:
        raise RuntimeError("CUDA was used outside of a call that a GPU is lent for.")

    torch.cuda.is_available = lambda: True
    torch._C._cuda_init = outside  # type: ignore[attr-defined]


def be_honest() -> None:
    """The reverse of ``pretend``, for inside a call."""
    torch.cuda.is_available = _real[0]
    if _real[1] is not None:
        torch._C._cuda_init = _real[1]  # type: ignore[attr-defined]


def GPU(task: Task | None = None, *, duration: float = 60) -> Any:
    """Lend a GPU to ``task``, a generator function, for ``duration`` seconds a call."""
    if task is None:
        return partial(GPU, duration=duration)
    if not inspect.isgeneratorfunction(task):
        raise TypeError("Only generators are stood in for.")

    @wraps(task)
    def call(*arguments: Any) -> Iterator[Any]:
        refused = int(os.environ.get(REFUSED, "0"))
        if refused:
            os.environ[REFUSED] = str(refused - 1)
            raise Refused
        receiver, sender = _fork.Pipe(duplex=False)
        stop = _fork.Event()
        sent = pickle.dumps(arguments)
        process = _fork.Process(target=_work, args=(task, sent, sender, stop), daemon=True)
        process.start()
        sender.close()
        heard: queue.Queue[Any] = queue.Queue()
        timer = threading.Timer(duration, process.kill)
        timer.start()
        threading.Thread(target=_listen, args=(receiver, heard), daemon=True).start()
        try:
            while (said := heard.get()) != LAST_WORD:
                fine, value = said
                if not fine:
                    raise Aborted(value)
                yield value
        finally:
            stop.set()
            process.join(duration)
            timer.cancel()

    return call


def _listen(receiver: Connection, heard: queue.Queue[Any]) -> None:
    """Take what comes whether anybody wants it yet or not, so that the process never blocks."""
    try:
        while True:
            heard.put(pickle.loads(receiver.recv_bytes()))
    except (EOFError, OSError):
        heard.put((False, "GPU task aborted"))


def _work(task: Task, sent: bytes, sender: Connection, stop: Event) -> None:
    """Run ``task`` in the forked process, in a thread, and send what it yields."""
    be_honest()

    def iterate() -> None:
        try:
            for value in task(*pickle.loads(sent)):
                if stop.is_set():
                    return
                sender.send_bytes(pickle.dumps((True, value)))
            sender.send_bytes(pickle.dumps(LAST_WORD))
        except Exception as problem:
            sender.send_bytes(pickle.dumps((False, type(problem).__name__)))

    thread = threading.Thread(target=iterate)
    thread.start()
    thread.join()
    sender.close()


pretend()
