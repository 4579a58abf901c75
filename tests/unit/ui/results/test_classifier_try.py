"""Step 5: held-out pictures, the camera's short way, and what is said of strangers."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.visiting import ANNA, BEN, attributes
from tests.waiting import is_, wait
from training.classifier.config import ClassifierConfig
from training.classifier.strangers import _digits
from training.core.home import Home, new_id
from training.core.messages import UserError
from training.intake.datasets import open_data
from training.intake.limits import Limits
from training.jobs.manager import RunManager
from training.runs.state import RunState
from ui.common.context import Call, Visitor
from ui.common.tokens import ShareTokens
from ui.page import Page
from ui.results.classifier_try import ClassifierTry, _held_out, rates_html


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A page on which Anna has a classifier of the garden."""
    home = Home(tmp_path_factory.mktemp("try") / "home")
    page = Page(home, RunManager(home, ("cpu",)), Limits())
    folder = page.app.datasets.folder_for_new()
    open_data("garden", folder)
    dataset = page.app.datasets.keep(ANNA, folder, "garden")
    config = ClassifierConfig(backbone="seedling-s", method="quick")
    run = page.app.manager.start(ANNA, config, dataset.folder, name="Garden")
    wait(page.app.manager, run, is_(RunState.FINISHED))
    return page


@pytest.fixture
def panel(page: Page) -> ClassifierTry:
    found: ClassifierTry = page.tabs["try"].classifier
    return found


def run_of(page: Page) -> str:
    return page.app.manager.runs(ANNA)[-1].id


def call(page: Page, owner: str = ANNA, **data: Any) -> Call:
    visitor = Visitor(owner, "en", "", run_of(page), {})
    return Call(visitor, {page.tabs["try"].picker: run_of(page)}, data=data)


def frame(picture: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def test_held_out_pictures_of_all_classes_can_be_pressed(page: Page, panel: ClassifierTry) -> None:
    shown = panel.show(page.app.manager.status(run_of(page)), "en")
    places = attributes(shown[panel.samples], "data-place")
    assert places == [str(number) for number in range(6)]
    images, rows = _held_out(page.app.manager.folder(run_of(page)).path)
    assert len({int(images.labels[row]) for row in rows}) == 6
    right = 0
    for place, row in enumerate(rows):
        answer = panel._sample(call(page, place=place))
        truth = images.class_names[images.labels[row]]
        guess = answer[panel.answer].value["label"]
        assert f"This is “{truth}”" in answer[panel.verdict]
        right += guess == truth
        assert ("is right" in answer[panel.verdict]) == (guess == truth)
    assert right >= 4


@pytest.mark.parametrize("place", [-1, 6, "0", None, 1e9])
def test_a_place_that_is_none_gets_no_answer(
    page: Page, panel: ClassifierTry, place: object
) -> None:
    with pytest.raises(UserError):
        panel._sample(call(page, place=place))


def test_other_peoples_pictures_stay_theirs(page: Page, panel: ClassifierTry) -> None:
    with pytest.raises(UserError):
        panel._sample(call(page, BEN, place=0))


def test_the_camera_is_answered_by_a_pass(page: Page, panel: ClassifierTry) -> None:
    run, images = run_of(page), _held_out(page.app.manager.folder(run_of(page)).path)[0]
    asked = {"run": run, "pass": panel.passes.make(run), "image": frame(images.picture(0))}
    answer = panel.look(asked)
    assert sum(answer["shares"].values()) == pytest.approx(1)
    assert panel.look({**asked, "image": frame(_digits()[0])})["strange"] is True
    for wrong in (
        {"pass": panel.passes.make(new_id())},
        {"pass": ShareTokens(page.app.home).make(run)},  # to steer a generator, not to ask
        {"pass": None},
        {"run": "../" + run},
        {"image": "data:image/jpeg;base64,!"},
        {"image": "data:image/jpeg;base64," + base64.b64encode(b"text").decode()},
        {"image": "x" * 10**6},
        {"image": None},
    ):
        assert panel.look({**asked, **wrong}) == {}
    assert panel.look({}) == {}


def test_a_generators_page_has_no_camera(page: Page, panel: ClassifierTry) -> None:
    run = page.app.manager.status(run_of(page))
    other = replace(run, info=replace(run.info, kind="gan"))
    (body,) = panel.show(other, "en").values()
    assert not body.visible


def test_rates_are_told_as_measured() -> None:
    counted = {"own": [3, 84], "others": [60, 60], "other_set": "digits"}
    says = rates_html({"strangers": counted}, "en")
    assert "Of 84 pictures" in says and "calls 3 strange" in says and "notices 60" in says
    assert "none of these" in rates_html({}, "en")  # a model of an earlier version
