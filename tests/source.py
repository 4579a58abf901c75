"""The project's files as data.

As the tests of the house rules read them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ("app.py", "ui")
CORE = ("models", "training")
PROGRAM = (*CORE, *PAGE)  # what runs when a person runs Seedling
ALL = (*PROGRAM, "assets", "benchmarks", "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*tops: str) -> list[Path]:
    """The Python files in or below the given files and folders of the root."""
    found = []
    for top in tops:
        path = ROOT / top
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def name_of(path: Path) -> str:
    """A file's path from the root, with slashes on every system."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it; ``from a import b`` gives ``a.b``."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = (
                ".".join([*parents, node.module or ""]).strip(".") if node.level else node.module
            )
            yield from (f"{start}.{alias.name}" for alias in node.names)


def third_party(path: Path) -> set[str]:
    """The packages that a file imports and that are neither Python's nor ours."""
    ours = {top.removesuffix(".py") for top in ALL}
    heads = {module.partition(".")[0] for module in imports_of(path)}
    return {head for head in heads if head not in ours and head not in sys.stdlib_module_names}


def text_files() -> list[Path]:
    """Every file of the project that people read as text, also settings and those of .ci/."""
    ends = {".py", ".md", ".toml", ".txt", ".json", ".css", ".js", ".yml"}
    below = [path for top in (*ALL, ".ci", "docs") for path in (ROOT / top).rglob("*")]
    files = [path for path in (*ROOT.iterdir(), *below) if path.is_file()]
    return [path for path in files if path.suffix in ends or path.parent.name == ".ci"]


def requirements(name: str) -> dict[str, str]:
    """``{normalised name: version range}`` of a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    parts = [re.match(r"([\w.-]+)\s*([^#]*)", line) for line in lines if line[:1] not in ("", "#")]
    return {re.sub(r"[-_.]+", "-", m[1]).lower(): m[2].strip() for m in parts if m}


def listed(found: Iterable[object]) -> str:
    """One a line, for the message of an assertion; pytest itself shows only the first."""
    return "\n" + "\n".join(map(str, found))
