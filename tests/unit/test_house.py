"""The rules that hold the house up: who may import whom, and how large things may be."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.source import (
    ALL,
    CORE,
    PAGE,
    PROGRAM,
    ROOT,
    Function,
    imports_of,
    listed,
    module_of,
    name_of,
    python_files,
    text_files,
    third_party,
    tree_of,
)

FILE_LINES = 330
FUNCTION_LINES = 60
LOOP_LINES = 130  # a training loop reads from top to bottom
LOOPS = ("training/classifier/train.py", "training/gan/train.py")

FILES_PER_WING = 14

# Which wings of training/ a wing may import; what is not named is forbidden.
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "data": {"core"},
    "intake": {"data", "core"},
    "features": {"data", "core"},
    "runs": {"data", "core"},
    "metrics": {"features", "core"},
    "latent": {"features", "runs", "data", "core"},
    "classifier": {"metrics", "features", "runs", "data", "core"},
    "gan": {"latent", "metrics", "features", "runs", "data", "core"},
    "kinds": {"classifier", "gan", "runs", "data"},
    "explain": {"classifier", "metrics", "features", "runs", "data", "core"},
    "experiments": {"classifier", "gan", "latent", "metrics", "runs", "data", "core"},
    "export": {"kinds", "explain", "classifier", "gan", "latent", "runs", "core"},
    "jobs": {"kinds", "runs", "data", "core"},  # never a loop by its name
}
MAY_IMPORT["cli"] = set(MAY_IMPORT)  # the same work from a terminal
OUTLINE = ("page", "flags", "launch")  # of ui: what puts its wings together
SPOKEN_FOR = {"main"}  # names that say nothing of their module

WITNESS = """
import importlib, json, sys, threading
for name in sys.argv[1:]:
    importlib.import_module(name)
import torch
print(json.dumps({
    "modules": sorted(sys.modules),
    "threads": [thread.name for thread in threading.enumerate()],
    "cuda": torch.cuda.is_initialized(),
}))
"""


def imported(names: list[str], home: Path) -> dict[str, Any]:
    """What a fresh process is like after importing the modules, with ``home`` as all its world."""
    folders = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "TMPDIR", "TEMP", "TMP")
    ours = ("SEEDLING_", "XDG_", "TORCH_HOME", "HF_HOME", "GRADIO_TEMP_DIR")
    env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    env |= dict.fromkeys(folders, str(home))
    # Matplotlib keeps a list of fonts and torch a compiler's cache; that is their own affair.
    caches = {"MPLCONFIGDIR": "matplotlib", "TORCHINDUCTOR_CACHE_DIR": "inductor"}
    env |= {variable: str(home.with_name(name)) for variable, name in caches.items()}
    env["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-B", "-c", WITNESS, *names]
    done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    made = sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))
    return {**seen, "made": made, "printed": done.stdout.splitlines()[:-1]}


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    names = [module_of(path) for path in python_files(*CORE)]
    return imported(names, tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    names = [module_of(path) for path in python_files(*PAGE, "assets", "benchmarks")]
    return imported(names, tmp_path_factory.mktemp("page"))


@pytest.mark.slow
def test_training_runs_without_gradio(core: dict[str, Any]) -> None:
    assert "training.classifier.train" in core["modules"]
    assert "gradio" not in core["modules"]


@pytest.mark.slow
def test_importing_training_has_no_effect(core: dict[str, Any]) -> None:
    assert (core["made"], core["printed"]) == ([], [])
    assert core["threads"] == ["MainThread"]
    assert not core["cuda"]


@pytest.mark.slow
def test_importing_the_page_has_no_effect(page: dict[str, Any]) -> None:
    assert (page["made"], page["printed"]) == ([], [])
    assert not any(name.startswith("worker") for name in page["threads"])
    assert not page["cuda"]


def offences(tops: tuple[str, ...], *forbidden: str) -> list[str]:
    """The imports of ``forbidden`` modules, or anything in them, in the files of ``tops``."""
    return [
        f"{name_of(path)} imports {module}"
        for path in python_files(*tops)
        for module in imports_of(path)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]


def test_imports_go_from_the_page_to_training_to_models() -> None:
    assert offences(("models",), "training", "ui", "app") == []
    assert offences(("training",), "ui", "app") == []
    assert offences(PROGRAM, "tests", "benchmarks", "assets") == []


def test_only_the_page_knows_gradio() -> None:
    assert offences((*CORE, "assets", "benchmarks"), "gradio", "gradio_client") == []


def test_models_know_torch_and_its_collections_of_networks_only() -> None:
    """And how weights lie in a file."""
    known = {"torch", "torchvision", "timm", "safetensors"}
    assert {name for path in python_files("models") for name in third_party(path)} <= known


def wing_of(module: str) -> str:
    """The second part of a module's name: its wing, or itself where it lies in none."""
    return (module.split(".") + [""])[1]


def wings(top: str) -> list[Path]:
    """The wings of a top folder."""
    return sorted(path.parent for path in (ROOT / top).glob("*/__init__.py"))


def wrong_in_training(path: Path) -> list[str]:
    """The imports of a file of training/ that its wing may not have."""
    own = wing_of(module_of(path))
    reached = {wing_of(module) for module in imports_of(path) if module.startswith("training.")}
    return [
        f"{name_of(path)}: {own} imports {other}"
        for other in sorted(reached - {own, ""} - MAY_IMPORT.get(own, set()))
    ]


def wrong_in_ui(path: Path) -> list[str]:
    """The imports of a file of ui/ that a wing may not have: another wing's, or the outline's."""
    own = wing_of(module_of(path))
    reached = {wing_of(module) for module in imports_of(path) if module.startswith("ui.")}
    allowed = {own, "common"} if own not in OUTLINE else {each.name for each in wings("ui")}
    return [f"{name_of(path)}: {own} imports {other}" for other in sorted(reached - allowed)]


def test_wings_of_training_import_only_what_they_may() -> None:
    files = [path for path in python_files("training") if path.parent != ROOT / "training"]
    files.append(ROOT / "training" / "kinds.py")
    assert [each for path in files for each in wrong_in_training(path)] == []
    known = {wing.name for wing in wings("training")}
    assert known <= MAY_IMPORT.keys()


def test_wings_of_the_page_import_only_what_they_may() -> None:
    assert [each for path in python_files("ui") for each in wrong_in_ui(path)] == []


@pytest.mark.parametrize(
    ("wrong", "place", "line"),
    [
        (wrong_in_training, "training/core/planted.py", "from training.data import splits"),
        (wrong_in_training, "training/runs/planted.py", "import training.gan.train"),
        (wrong_in_training, "training/jobs/planted.py", "from training.gan.train import train_gan"),
        (wrong_in_training, "training/latent/planted.py", "def f():\n    import training.kinds"),
        (wrong_in_ui, "ui/watch/planted.py", "from ui.train.tab import TrainTab"),
        (wrong_in_ui, "ui/common/planted.py", "from ui import page"),
    ],
)
def test_a_planted_import_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Any, place: str, line: str
) -> None:
    planted = tmp_path / place
    planted.parent.mkdir(parents=True)
    planted.write_text(f"{line}\n", encoding="utf-8")
    monkeypatch.setattr("tests.source.ROOT", tmp_path)
    assert len(wrong(planted)) == 1


def test_nothing_that_trains_imports_intake() -> None:
    trains = ("features", "runs", "metrics", "latent", "classifier", "gan", "kinds", "export")
    tops = [f"training/{wing}" if wing != "kinds" else "training/kinds.py" for wing in trains]
    assert offences(tuple(tops), "training.intake") == []


def test_a_wing_has_a_face_that_says_its_one_job() -> None:
    for wing in (*wings("training"), *wings("ui")):
        tree = tree_of(wing / "__init__.py")
        document = ast.get_docstring(tree)
        assert document and document.endswith("."), wing
        assert len(tree.body) == 2 and isinstance(tree.body[1], ast.Assign), wing
        assert ast.unparse(tree.body[1].targets[0]) == "__all__"
        modules = sorted(path.stem for path in wing.glob("*.py") if path.stem != "__init__")
        assert ast.literal_eval(tree.body[1].value) == modules, wing
        assert 0 < len(modules) <= FILES_PER_WING, wing


def test_no_public_name_is_defined_in_two_wings() -> None:
    places: dict[str, set[str]] = {}
    for path in python_files("training", "ui"):
        top, wing = (*module_of(path).split("."), "")[:2]
        for node in tree_of(path).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                places.setdefault(node.name, set()).add(f"{top}.{wing}")
    twice = {
        name: sorted(found)
        for name, found in places.items()
        if len(found) > 1 and name not in SPOKEN_FOR
    }
    assert not twice, listed(twice.items())


def test_unit_tests_mirror_the_code() -> None:
    """A folder of tests for each wing, and no other folder."""
    here = ROOT / "tests" / "unit"
    for top in ("training", "ui"):
        known = {wing.name for wing in wings(top)}
        found = {path.name for path in (here / top).iterdir() if path.is_dir()} - {"__pycache__"}
        assert found <= known, top


def test_figures_do_not_leak() -> None:
    assert offences(PROGRAM, "matplotlib.pyplot", "pylab") == []


def test_nothing_is_ever_unpickled() -> None:
    assert offences(PROGRAM, "pickle", "dill", "joblib", "shelve", "marshal") == []
    assert calls(PROGRAM, "torch.load", "np.load", "numpy.load") == []


def test_training_threads_start_in_one_place() -> None:
    started = calls(PROGRAM, "threading.Thread", "Thread")
    assert {place.partition(":")[0] for place in started} <= {"training/jobs/manager.py"}


def calls(tops: tuple[str, ...], *names: str) -> list[str]:
    """Where the files of ``tops`` call one of ``names``, as they are written there."""
    return [
        f"{name_of(path)}:{node.lineno} {ast.unparse(node.func)}"
        for path in python_files(*tops)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    ]


def test_files_fit_on_a_few_screens() -> None:
    lines = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*PROGRAM, "assets", "benchmarks")
    }
    too_long = {name: count for name, count in lines.items() if count > FILE_LINES}
    assert not too_long, listed(too_long.items())
    assert lines["app.py"] < 120


def test_functions_fit_on_a_screen() -> None:
    too_long = []
    for path in python_files(*PROGRAM, "assets", "benchmarks"):
        allowed = LOOP_LINES if name_of(path) in LOOPS else FUNCTION_LINES
        for node in ast.walk(tree_of(path)):
            if isinstance(node, Function):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > allowed:
                    too_long.append(f"{name_of(path)}:{node.lineno} {node.name}: {length} lines")
    assert not too_long, listed(too_long)


def test_no_error_is_swallowed() -> None:
    swallowed = [
        f"{name_of(path)}:{node.lineno}"
        for path in python_files(*ALL)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and swallows(node)
    ]
    assert not swallowed, listed(swallowed)


def swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes any error at all, or every ``Exception`` without a word."""
    if handler.type is None:
        return True
    everything = ast.unparse(handler.type) in ("Exception", "BaseException")
    return everything and all(isinstance(line, (ast.Pass, ast.Continue)) for line in handler.body)


def test_no_path_of_one_machine_is_left_behind() -> None:
    folders = "|".join(("work", "home", "root", "Users"))
    somebodys = re.compile(rf"(?<![\w.:/>}})-])/(?:{folders})/\w")
    left = [
        f"{name_of(path)}:{number} {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if somebodys.search(line)
    ]
    assert not left, listed(left)
