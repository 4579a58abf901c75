"""All checks in one command.

``python tests/run.py [--quick] [pytest arguments]`` installs what requirements.txt and
requirements-dev.txt name and is missing, finds a browser, then runs ruff, mypy and pytest, with a
worker for each core. ``--quick`` leaves out the browser, the property tests and what is slow.
Beyond these installs nothing needs a network.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
OLDEST_PYTHON = (3, 10)
CHECKS = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "pytest": ("pytest",),
}
QUICK = ("tests/unit", "-m", "not slow")
MAX_WORKERS = 4  # more would fight for memory: each holds torch and a browser's server


@dataclass(frozen=True)
class Outcome:
    """How one check ended, and the last line that it printed."""

    name: str
    passed: bool
    seconds: float
    closing: str


def main(arguments: list[str]) -> int:
    """Run every check, also after one has failed; gives 1 if any did."""
    if sys.version_info < OLDEST_PYTHON:
        raise SystemExit(f"Python {sys.version.split()[0]} is too old; 3.10 to 3.13 will do.")
    install(missing())
    browser = find_browser()
    print(f"Browser: {browser}", flush=True)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="seedling-tests-", ignore_cleanup_errors=True) as temp:
        for name, command in CHECKS.items():
            env = environment(Path(temp), browser)
            extra: list[str] = []
            if name == "pytest":
                extra, workers = pytest_arguments(arguments)
                env |= {"OMP_NUM_THREADS": str(max(1, cores() // workers))}
            outcomes.append(run_check(name, [*command, *extra], env))
    print("\n" + "=" * 78)
    for outcome in outcomes:
        word = "ok" if outcome.passed else "FAILED"
        print(f"{outcome.name:12} {word:7} {outcome.seconds:6.1f} s  {outcome.closing}")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def pytest_arguments(arguments: list[str]) -> tuple[list[str], int]:
    """What pytest is called with, and how many workers share the cores.

    Whoever names tests runs them in one process, where output and debuggers work as usual.
    """
    named = [argument for argument in arguments if argument != "--quick"]
    if named:
        return [*(QUICK if "--quick" in arguments else ()), *named], 1
    workers = min(MAX_WORKERS, cores())
    chosen = QUICK if "--quick" in arguments else ()
    return [*chosen, "--numprocesses", str(workers)], workers


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def requirement_lines() -> list[str]:
    """The requirements of both files, without comments and blank lines."""
    lines = [
        line.split("#")[0].strip()
        for name in REQUIREMENTS
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
    ]
    return [line for line in lines if line]


def missing() -> list[str]:
    """The requirements that this Python does not meet."""
    lines = requirement_lines()
    if importlib.util.find_spec("packaging") is None:
        return lines  # nothing to compare versions with: a bare environment
    from packaging.requirements import Requirement

    def met(requirement: Requirement) -> bool:
        try:
            return metadata.version(requirement.name) in requirement.specifier
        except metadata.PackageNotFoundError:
            return False

    return [line for line in lines if not met(Requirement(line))]


def install(wanted: list[str]) -> None:
    """Install what is missing with the pip of this Python.

    Raises:
        SystemExit: this Python belongs to the system, has no pip, or pip failed.
    """
    if not wanted:
        print("Requirements: all there.", flush=True)
        return
    print(f"Requirements: installing {', '.join(wanted)}", flush=True)
    folder = ".venv\\Scripts\\python" if os.name == "nt" else ".venv/bin/python"
    own_python = f"Make one for the project:\n  python3 -m venv .venv\n  {folder} tests/run.py"
    in_venv = sys.prefix != sys.base_prefix
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"  # PEP 668
    if marker.exists() and not in_venv:
        raise SystemExit(f"This Python is looked after by the system. {own_python}")
    if importlib.util.find_spec("pip") is None:
        raise SystemExit(f"This Python has no pip. {own_python}")
    files = [argument for name in REQUIREMENTS for argument in ("-r", str(ROOT / name))]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *files]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        raise SystemExit("pip could not install the requirements; its message is above.")


def find_browser() -> str:
    """What ``tests.browser`` finds, in a fresh process that sees what was just installed.

    Raises:
        SystemExit: there is none; tests.browser has said what to install.
    """
    command = [sys.executable, "-m", "tests.browser"]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.strip()


def environment(temp: Path, browser: str) -> dict[str, str]:
    """The variables of every check: no telemetry, no downloads, nobody's own folders."""
    fixed = {
        "SEEDLING_BROWSER": browser,
        "SEEDLING_HOME": str(temp / "home"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # the browser needs the cores too: training/core/threads.py
        "PYTHONUTF8": "1",
    }
    return {"TORCH_HOME": str(temp / "torch"), **os.environ, **fixed}


def run_check(name: str, command: list[str], env: dict[str, str]) -> Outcome:
    """Run ``python -m COMMAND`` in the project's root, passing its output on as it comes."""
    print(f"\n=== {name}", flush=True)
    started, closing = time.monotonic(), ""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    with process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            closing = line.strip(" =\n") or closing
    return Outcome(name, process.returncode == 0, time.monotonic() - started, closing)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
