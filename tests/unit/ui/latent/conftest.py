"""Pages with generators to steer, one for all tests of a file."""

from __future__ import annotations

import pytest

from tests.visiting import ANNA, Person, named_runs, page_of_two, person_at
from training.core.home import Home
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from ui.page import Page


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("latent") / "home")


@pytest.fixture(scope="module")
def runs(home: Home) -> dict[str, str]:
    """Anna's generators by name."""
    return named_runs(home, ANNA)


@pytest.fixture(scope="module")
def page(home: Home, runs: dict[str, str]) -> Page:
    return Page(home, RunManager(home, ("cpu",)), Limits())


@pytest.fixture
def anna(page: Page) -> Person:
    return Person(page, ANNA)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A page with a plain generator and one with styles and classes, both Anna's."""
    return page_of_two(tmp_path_factory.mktemp("latent"), ANNA)


@pytest.fixture
def plain(two: Page) -> Person:
    return person_at(two, ANNA, "dcgan")


@pytest.fixture
def style(two: Page) -> Person:
    return person_at(two, ANNA, "stylegan2")
