"""A real server, called over HTTP.

In a process of its own; what is sent is what a browser would send.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def start_server(home: Path, port: int, **variables: str) -> subprocess.Popen[bytes]:
    """Start one as on a fresh machine, where nothing was downloaded; returns once it answers.

    ``variables`` are added to its environment. Uploads are limited to 8 MB.

    Raises:
        RuntimeError: it ended, or has not answered after ``START_SECONDS``; with its log.
    """
    command = [sys.executable, "app.py", "--port", str(port), "--home", str(home)]
    env = {**os.environ, "TORCH_HOME": str(home / "torch"), "OMP_NUM_THREADS": "1", **variables}
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--device", "cpu", "--max-upload-mb", "8"],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    while not answers(f"http://127.0.0.1:{port}"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError((home / "server.log").read_text(encoding="utf-8"))
        time.sleep(0.2)
    return process


class Caller:
    """Calls the functions of a page, also in ways that its own script never would."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.client = httpx.Client(base_url=self.url, timeout=SECONDS)
        self.config = self.client.get("/config").json()
        self.kinds = {each["id"]: each["type"] for each in self.config["components"]}

    def endpoints(self) -> list[dict[str, Any]]:
        """Every dependency with a handler on the server; the rest are scripts of the page."""
        return [each for each in self.config["dependencies"] if each["backend_fn"]]

    def body(
        self, endpoint: dict[str, Any], data: list[Any], session: str, event: object
    ) -> dict[str, Any]:
        sent = {"data": data, "fn_index": endpoint["id"], "session_hash": session}
        return {**sent, "event_data": event}

    def call(
        self, endpoint: dict[str, Any], data: list[Any], session: str, event: object = None
    ) -> str:
        """The server's raw answer; for a queued call, all that it streams until the end."""
        body = self.body(endpoint, data, session, event)
        if not endpoint["queue"]:
            return self.client.post("/gradio_api/run/predict", json=body).text
        said = self.client.post("/gradio_api/queue/join", json=body).text
        if "event_id" not in said:
            return said
        query = {"session_hash": session}
        with self.client.stream("GET", "/gradio_api/queue/data", params=query) as stream:
            for line in stream.iter_lines():
                said += line
                if '"process_completed"' in line or '"close_stream"' in line:
                    break
        return said
