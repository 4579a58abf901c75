"""Step 4: the second training that a result is compared with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import MakeSet
from tests.visiting import ANNA, BEN, EVIL, Person, generator_run, prop_in
from tests.waiting import is_, wait
from training.classifier.config import ClassifierConfig
from training.core.home import Home
from training.core.messages import LANGUAGES, t
from training.data.imageset import ImageSet
from training.intake.limits import Limits
from training.jobs.live import RunStatus
from training.jobs.manager import RunManager
from training.runs.history import History, Point
from training.runs.state import RunState
from ui.page import Page
from ui.results.duel import DuelPanel, level_histories, rival_of

pytestmark = pytest.mark.slow

QUICK = ClassifierConfig(backbone="seedling-s", method="quick", minutes=0.05, seed=3)


@pytest.fixture
def images(make_set: MakeSet) -> ImageSet:
    return make_set({"red": 24, "green": 24})


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    home = Home(tmp_path / "home")
    manager = RunManager(home, ("cpu",))
    yield Page(home, manager, Limits())
    manager.close()


def trained(page: Page, images: ImageSet, config: ClassifierConfig = QUICK) -> str:
    """A finished run of Anna's, whose name means harm."""
    manager = page.app.manager
    run_id = manager.start(ANNA, config, images.folder, name=EVIL, edits={"red": "rot"})
    wait(manager, run_id, is_(RunState.FINISHED))
    return run_id


def at(page: Page, run_id: str, owner: str = ANNA) -> Person:
    person = Person(page, owner)
    person.values[page.app.run] = run_id
    person.arrive()
    return person


def panel(page: Page) -> DuelPanel:
    duel: DuelPanel = page.tabs["result"].duel
    return duel


def rival(page: Page, run_id: str) -> RunStatus | None:
    manager = page.app.manager
    return rival_of(manager.status(run_id), manager.runs(ANNA))


def drawn(page: Page, person: Person) -> dict[Any, Any]:
    """What the next poll draws, from nothing."""
    return dict(page.tabs["result"].refresh(person.visitor, {})[0])


def test_one_press_trains_the_other_and_says_what_came_of_it(page: Page, images: ImageSet) -> None:
    run_id, duel = trained(page, images), panel(page)
    person = at(page, run_id)
    person.do(duel.start_btn, "click")
    second = rival(page, run_id)
    assert second is not None
    config = second.info.config
    assert (config["method"], config["minutes"], config["seed"]) == ("scratch", 0.05, 3)
    assert second.info.edits == {"red": "rot"} and second.info.owner == ANNA
    assert second.info.name == t("duel.name_scratch", name=EVIL)
    wait(page.app.manager, second.id, lambda run: run.result is not None)
    for shown in (run_id, second.id):
        person.values[page.app.run] = shown
        now = drawn(page, person)
        assert "With a head start: " in now[duel.says]
        assert "in the same 3 seconds" in now[duel.says]
        assert prop_in(now[duel.start_btn], "visible") is False
        picture = Path(prop_in(now[duel.picture_btn], "value"))
        assert Image.open(picture).size == (1200, 900)
        frame = now[duel.chart]
        assert set(frame.dropna()["curve"]) == {"1", "2"}


def test_pressing_again_starts_no_third(page: Page, images: ImageSet) -> None:
    """Twice at once, from another tab, and after a reload."""
    run_id, duel = trained(page, images), panel(page)
    tabs = [at(page, run_id) for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda person: person.do(duel.start_btn, "click"), tabs))
    answer = at(page, run_id).do(duel.start_btn, "click")
    assert len(page.app.manager.runs(ANNA)) == 2
    assert prop_in(answer[duel.start_btn], "visible") is False
    assert prop_in(answer[duel.watch_btn], "visible") is True


def test_it_is_called_after_the_pictures_and_not_after_the_other_method(
    page: Page, images: ImageSet
) -> None:
    manager = page.app.manager
    name = "Shells · " + t("train.method_quick", "zh")
    run_id = manager.start(ANNA, QUICK, images.folder, name=name)
    wait(manager, run_id, is_(RunState.FINISHED))
    at(page, run_id).do(panel(page).start_btn, "click")
    second = rival(page, run_id)
    assert second is not None and second.info.name == "Shells from scratch"


def test_a_rival_that_was_deleted_may_be_started_anew(page: Page, images: ImageSet) -> None:
    run_id, duel = trained(page, images), panel(page)
    person = at(page, run_id)
    person.do(duel.start_btn, "click")
    second = rival(page, run_id)
    assert second is not None
    page.app.manager.stop(second.id)
    wait(page.app.manager, second.id, is_(RunState.STOPPED))
    page.app.manager.delete(second.id)
    assert prop_in(drawn(page, person)[duel.start_btn], "visible") is True
    person.do(duel.start_btn, "click")
    assert rival(page, run_id) is not None


def test_from_scratch_is_answered_with_a_head_start(page: Page, images: ImageSet) -> None:
    scratch = ClassifierConfig(backbone="seedling_net", method="scratch", minutes=0.05)
    run_id, duel = trained(page, images, scratch), panel(page)
    person = at(page, run_id)
    button = drawn(page, person)[duel.start_btn]
    assert prop_in(button, "value") == t("duel.start_scratch_btn")
    person.do(duel.start_btn, "click")
    second = rival(page, run_id)
    assert second is not None and second.info.config["method"] == "quick"


def test_the_rival_is_looked_after_in_step_3(page: Page, images: ImageSet) -> None:
    run_id, duel = trained(page, images), panel(page)
    person = at(page, run_id)
    person.do(duel.start_btn, "click")
    person.do(duel.watch_btn, "click")
    second = rival(page, run_id)
    assert second is not None and person.values[page.app.run] == second.id


def test_without_the_pictures_nothing_is_started(page: Page, images: ImageSet) -> None:
    run_id = trained(page, images)
    person = at(page, run_id)
    shutil.rmtree(images.folder)
    person.do(panel(page).start_btn, "click")
    said = str(person.values[page.tabs["result"].message])
    assert t("error.run.no_data.fix") in said and EVIL not in said
    assert len(page.app.manager.runs(ANNA)) == 1


def test_a_stranger_can_start_nothing(page: Page, images: ImageSet) -> None:
    run_id = trained(page, images)
    stranger = at(page, run_id, BEN)
    stranger.do(panel(page).start_btn, "click")
    assert len(page.app.manager.all_runs()) == 1


def test_generators_have_no_such_panel(page: Page, images: ImageSet, tmp_path: Path) -> None:
    run_id = generator_run(page.app.home, images, "dcgan", ANNA)
    manager = RunManager(page.app.home, ("cpu",))
    shown = panel(page)._show_pair(manager.status(run_id), None, "en")
    assert prop_in(shown[panel(page).body], "visible") is False


def test_every_state_of_the_other_has_words() -> None:
    for language in LANGUAGES:
        for state in set(RunState) - {RunState.FINISHED}:
            assert t(f"duel.is_{state}", language)


def test_a_model_that_is_done_stays_what_it_is(page: Page, images: ImageSet) -> None:
    """Only a finished curve goes on; one that still learns ends where it is."""
    done = page.app.manager.status(trained(page, images))
    curve = {"val/accuracy": (Point(1, 1.0, 0.5), Point(2, 900.0, 0.75))}
    learning = RunStatus(1, done.info, History(curve, seconds=1000.0))
    first, second = level_histories([done, learning])
    last = done.history.curves["val/accuracy"][-1]
    assert first.curves["val/accuracy"][-1] == Point(last.images_seen, 1000.0, last.value)
    assert second.curves == curve
