"""README, docs and requirements say what is true."""

from __future__ import annotations

import re
import shlex
from importlib import metadata

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.lowest import lowest
from tests.source import (
    ALL,
    PROGRAM,
    ROOT,
    listed,
    name_of,
    python_files,
    requirements,
    third_party,
)
from training.cli.parser import create_parser
from ui.flags import _parser as flag_parser

SPACE_COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
READMES = ("README.md", "README.zh.md")
DOCS = tuple(sorted(name_of(path) for path in (ROOT / "docs").glob("*.md")))
PAPERS = (*READMES, "SECURITY.md", "MODELS.md", *DOCS)
README_LINES = 150
WINGED = ("training", "ui")  # houses whose every wing has its line in the README


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


# ---- the pages, and the ways between them


def test_the_readme_is_a_page_for_newcomers() -> None:
    assert len(read("README.md").splitlines()) <= README_LINES


def links_in(name: str) -> list[str]:
    """The links of a page that stay inside the project, as they are written there."""
    links: list[str] = re.findall(r"\]\(([^)]+)\)", read(name))
    return [link for link in links if not link.startswith(("http://", "https://"))]


def anchors_in(text: str) -> set[str]:
    """What the headings of a page are called in links to them."""
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAPERS)
def test_links_inside_the_project_lead_somewhere(name: str) -> None:
    broken = [link for link in links_in(name) if not leads_somewhere(name, link)]
    assert not broken, listed(broken)


def leads_somewhere(name: str, link: str) -> bool:
    """Whether a link on a page has a file to go to, and a heading where it names one."""
    path, _, anchor = link.partition("#")
    target = (ROOT / name).parent / path if path else ROOT / name
    if not anchor:
        return target.exists()
    return target.is_file() and anchor in anchors_in(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", READMES)
def test_a_readme_leads_to_every_page_and_every_page_back(name: str) -> None:
    assert DOCS
    assert {*DOCS, "SECURITY.md", "MODELS.md"} <= set(links_in(name))
    assert [page for page in DOCS if "../README.md" not in links_in(page)] == []


# ---- what is named is there


def tree_paths() -> set[str]:
    """The paths in the README's annotated tree: names two spaces deeper are inside."""
    block = re.search(r"```text\n(app\.py.*?)```", read("README.md"), re.DOTALL)
    assert block is not None
    parents: list[str] = []
    paths = set()
    for line in block[1].splitlines():
        del parents[(len(line) - len(line.lstrip())) // 2 :]
        first = line.split()[0]
        paths.add("/".join([*parents, first.rstrip("/")]))
        if first.endswith("/"):
            parents.append(first.rstrip("/"))
    return paths


def test_the_house_in_the_readme_is_the_house() -> None:
    gone = {path for path in tree_paths() if not (ROOT / path).exists()}
    assert not gone, listed(gone)
    assert {*ALL, "docs"} <= tree_paths()
    faces = [path for house in WINGED for path in (ROOT / house).glob("*/__init__.py")]
    modules = [path for house in WINGED for path in (ROOT / house).glob("[!_]*.py")]
    rooms = {name_of(path) for path in [*(face.parent for face in faces), *modules]}
    assert rooms <= tree_paths(), listed(sorted(rooms - tree_paths()))


def code_in(name: str) -> list[str]:
    """The lines of code on a page: those of its blocks, and what stands between backticks."""
    text = read(name)
    blocks: list[str] = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    spans: list[str] = re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text))
    # Indented blocks are MODELS.md's; a bar inside a table is written with a backslash.
    blocks += re.findall(r"^    (?=python )(.+)$", text, re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()] + spans
    return [line.replace(r"\|", "|").strip() for line in lines]


@pytest.mark.parametrize("name", PAPERS)
def test_files_that_are_named_are_there(name: str) -> None:
    tops = "|".join(re.escape(top.removesuffix(".py")) for top in (*ALL, "docs"))
    named = re.compile(rf"(?<![\w./~-])(?:{tops})/[\w./-]*")
    paths = {path for line in code_in(name) for path in named.findall(line)}
    gone = sorted(path for path in paths if not (ROOT / path).exists())
    assert not gone, listed(gone)


# ---- commands work as they are written


def commands_in(name: str) -> list[list[str]]:
    """Everything on a page that is to be typed after ``python``, in words."""
    verbs = ("finetune ",)  # short for ``-m training finetune`` where many stand below each other
    lines = code_in(name)
    typed = [line.removeprefix("python ") for line in lines if line.startswith("python ")]
    typed += [f"-m training {line}" for line in lines if line.startswith(verbs)]
    return [shlex.split(line) for line in typed]


def known_module(name: str) -> bool:
    """Whether ``python -m NAME`` finds something of the project's own."""
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("name", PAPERS)
def test_commands_are_known_as_they_are_written(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = []
    for command in commands_in(name):
        try:
            right = is_known(command)
        except SystemExit as ended:  # argparse's; 0 is --help
            right = ended.code == 0
        if not right:
            wrong.append(f"{shlex.join(command)} {capsys.readouterr().err}")
    assert not wrong, listed(wrong)


def is_known(command: list[str]) -> bool:
    """Whether a command's file or module, and each of its flags, is there.

    Raises:
        SystemExit: its parser refuses it.
    """
    match command:
        case ["-m", "training", *arguments]:
            if arguments:
                create_parser().parse_args(arguments)
            return True
        case ["-m", module, *flags]:
            if not known_module(module):
                return False
            return has_flags(f"{module.replace('.', '/')}.py", flags)
        case ["app.py", *flags]:
            flag_parser().parse_args(flags)
            return True
        case ["tests/run.py", *_]:  # hands on to pytest what it does not know
            return True
        case [script, *flags]:
            return (ROOT / script).is_file() and has_flags(script, flags)
    return False


def has_flags(script: str, arguments: list[str]) -> bool:
    """Whether a script names every flag that it is given; cheaper than to run it."""
    text = read(script)
    return all(f'"{each}"' in text for each in arguments if each.startswith("--"))


def test_the_commands_of_the_command_line_are_all_in_the_docs() -> None:
    typed = [words[1:3] for words in commands_in("docs/command-line.md") if len(words) > 2]
    shown = {command for module, command in typed if module == "training"}
    (commands,) = (action for action in create_parser()._actions if action.choices)
    assert set(commands.choices or ()) == shown


def test_the_flags_of_the_page_are_all_in_the_classroom_guide() -> None:
    rows = re.findall(r"^\| `(--[\w-]+)` \| ([^|]+) \|", read("docs/classroom.md"), re.MULTILINE)
    flags = [action for action in flag_parser()._actions if action.dest != "help"]
    assert dict(rows).keys() == {flag for action in flags for flag in action.option_strings}
    for action in flags:
        if isinstance(action.default, int | float) and not isinstance(action.default, bool):
            assert float(dict(rows)[action.option_strings[0]]) == action.default, action.dest


def test_every_benchmark_is_where_measurements_are() -> None:
    used = {word for words in commands_in("docs/measured.md") for word in words}
    used |= set(code_in("docs/measured.md"))
    helpers = {"benchmarks/crowd.py"}  # the people of benchmarks/classroom.py
    assert {name_of(path) for path in python_files("benchmarks")} - helpers <= used


# ---- requirements


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
