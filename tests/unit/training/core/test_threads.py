"""What the process asks of the system before it starts, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source import ROOT
from training.core.threads import MAX_HEAPS

# Sixteen threads that need memory at the same time; then glibc says which heaps it made.
PROGRAM = """
import ctypes, sys, threading
from training.core.threads import few_heaps
if sys.argv[1] == "few":
    few_heaps()
libc, together = ctypes.CDLL(None), threading.Barrier(16)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
def work():
    together.wait()
    for _ in range(100):
        libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' heaps are not counted so")
def test_threads_share_few_heaps(tmp_path: Path) -> None:
    def heaps(how: str) -> int:
        out, clean = tmp_path / how, {k: v for k, v in os.environ.items() if "MALLOC" not in k}
        command = [sys.executable, "-c", PROGRAM, how, str(out)]
        subprocess.run(command, check=True, cwd=ROOT, env=clean, timeout=60)
        return out.read_text(encoding="utf-8").count("<heap nr=")

    assert heaps("few") <= MAX_HEAPS < heaps("many")
