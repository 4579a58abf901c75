"""README and requirements say what is true."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.lowest import lowest
from tests.source import PROGRAM, ROOT, listed, name_of, python_files, requirements, third_party

SPACE_COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
READMES = ("README.md", "README.zh.md")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def front_matter() -> dict[str, str]:
    """The one-line entries of the block that a hosted Space is configured by."""
    start, block, _ = read("README.md").split("---\n", 2)
    assert start == ""
    return dict(re.findall(r"^(\w+): *(.+)$", block, re.MULTILINE))


def test_a_space_gets_the_gradio_that_is_tested() -> None:
    wanted = Version(front_matter()["sdk_version"])
    allowed = requirements("requirements.txt")["gradio"]
    assert wanted in SpecifierSet(allowed)
    assert f"gradio=={wanted}".startswith(lowest(f"gradio{allowed}")[0])


def test_the_front_matter_is_what_a_space_accepts() -> None:
    entries = front_matter()
    assert entries["sdk"] == "gradio"
    assert entries["license"] == "apache-2.0"
    assert (ROOT / entries["app_file"]).is_file()
    assert 0 < len(entries["short_description"]) <= 60
    assert entries["colorFrom"] in SPACE_COLOURS
    assert entries["colorTo"] in SPACE_COLOURS
    assert entries["python_version"].strip("'\"") in ("3.10", "3.11", "3.12", "3.13")


def test_the_licence_is_the_one_that_is_named() -> None:
    text = read("LICENSE")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("name", READMES)
def test_links_inside_the_project_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", read(name))
    inside = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in inside if not (ROOT / link).exists()] == []


def tree_paths() -> set[str]:
    """The paths in the README's annotated tree: names two spaces deeper are inside."""
    block = re.search(r"```text\n(app\.py.*?)```", read("README.md"), re.DOTALL)
    assert block is not None
    parents: list[str] = []
    paths = set()
    for line in block[1].splitlines():
        del parents[(len(line) - len(line.lstrip())) // 2 :]
        first, *others = line.split()
        names = [first, *(name for name in others if name.endswith(".py"))]
        paths |= {"/".join([*parents, name.rstrip("/")]) for name in names}
        if first.endswith("/"):
            parents.append(first.rstrip("/"))
    return paths


def test_the_tree_in_the_readme_is_the_tree() -> None:
    gone = {path for path in tree_paths() if not (ROOT / path).exists()}
    assert not gone, listed(gone)
    code = {name_of(path) for path in python_files(*PROGRAM) if path.name != "__init__.py"}
    assert code <= tree_paths(), listed(sorted(code - tree_paths()))


def distributions(names: set[str]) -> set[str]:
    """What has to be installed for these imports."""
    known = metadata.packages_distributions()
    return {re.sub(r"[-_.]+", "-", known[name][0]).lower() for name in names}


def test_requirements_are_what_is_imported() -> None:
    wanted = requirements("requirements.txt").keys()
    imported = {name for path in python_files(*PROGRAM, "assets") for name in third_party(path)}
    elsewhere = {"playwright", "spaces"}  # for the screenshot's script; what ZeroGPU brings along
    assert distributions(imported - elsewhere) == wanted


def test_everything_required_has_a_range() -> None:
    for name, versions in requirements("requirements.txt").items():
        assert re.fullmatch(r">=[\d.]+,<\d+", versions), name
    assert len(lowest(read("requirements.txt"))) == len(requirements("requirements.txt"))
