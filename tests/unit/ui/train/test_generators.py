"""Generators on the page: the form, the pictures over time, the meters, and whose they are."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.gans.registry import ARCHITECTURES, GanShape, create_gan
from tests.conftest import MakeSet
from training.cli.parser import create_parser
from training.core.home import Home, new_id
from training.core.messages import LANGUAGES, UserError, t
from training.data.imageset import ImageSet
from training.gan.config import GAN_TEXTBOOK, GanConfig, seconds_needed
from training.gan.evaluate import gan_checkpoint
from training.gan.transfer import decide, default_start
from training.intake.limits import Limits
from training.jobs.datasets import DataSet
from training.jobs.manager import RunManager
from training.metrics.evaluation import GanMetrics, Suspect
from training.runs import checkpoint as checkpoints
from training.runs.folder import RunFolder, RunInfo
from training.runs.state import RunState
from ui.common import generator_html as view
from ui.common import verdicts
from ui.common.context import Call, Visitor
from ui.common.html import duration
from ui.page import REFRESHED, Page
from ui.train.gan_form import FITTING, GanForm, start_choices
from ui.watch.view import runs_html

ANNA, BEN = new_id(), new_id()
EVIL = '<img src=x onerror="alert(1)">'
METERS = GanMetrics(
    progress=0.5,
    space="random-64",
    reference="held_out",
    reference_count=160,
    count=512,
    fd=100.0,
    fd_floor=49.0,
    kid=0.7,
    density=0.9,
    coverage=0.8,
    variety=0.95,
    variety_within=0.9,
    distinct=0.85,
    copied_share=0.52,
    copied_range=(0.45, 0.59),
    suspicious=(Suspect(3, 7, 0.4),),
)


def make_run(home: Home, images: ImageSet, shots: int = 3, **changes: Any) -> str:
    """Anna's finished generator of tiny networks, with shots in different greys."""
    config = GanConfig(architecture="mlp", resolution=28, **changes)
    info = RunInfo(
        id=new_id(),
        owner=ANNA,
        kind="gan",
        name=EVIL,
        created=1.0,
        data=str(images.folder),
        edits={},
        config=config.to_json(),
        status=RunState.FINISHED,
    )
    folder = RunFolder.create(home.runs / info.id, info)
    (folder.path / "previews").mkdir()
    for number in range(shots):
        seen = 100 * number
        shade = Image.new("RGB", (60, 60), (40 * number, 0, 0))
        shade.save(folder.path / "previews" / f"samples-{seen:09d}.png")
        folder.append({"event": "picture", "name": "samples", "images_seen": seen, "seconds": 1.0})
    metrics = {**METERS.to_json(), "images_seen": 200, "best": True, "collapsed": False}
    folder.append({"event": "preview", "name": "meters", "data": metrics})
    shape = GanShape("mlp", 28, len(images.class_names), 4, 8)
    generator, discriminator = create_gan(shape)
    model = gan_checkpoint(images, shape, generator.state_dict(), discriminator.state_dict())
    checkpoints.save(folder.path / "model", model)
    result = {
        "kind": "gan",
        "class_names": list(images.class_names),
        "parameters": {"generator": 700_000, "discriminator": 200_000},
        "loss": config.objective,
        **{name: getattr(config, name) for name in ("architecture", "resolution")},
        **{"width": 4, "train_images": 40, "evaluated_on": "held_out", "batch_size": 8},
        **{"images_seen": 200, "best_seen": 200, "seconds": 9.0, "images_per_second": 20.0},
        **{
            "device": "cpu",
            "collapsed": False,
            "kept_collapsed": False,
            "fd": 100.0,
            "meters": METERS.to_json(),
        },
    }
    (folder.path / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return info.id


@pytest.fixture
def images(make_set: MakeSet) -> ImageSet:
    return make_set({EVIL: 30, "green": 30})


@pytest.fixture
def page(tmp_path: Path, images: ImageSet) -> Page:
    """A page on which Anna has one finished generator."""
    home = Home(tmp_path / "home")
    make_run(home, images)
    return Page(home, RunManager(home, ("cpu",)), Limits())


def run_of(page: Page) -> str:
    return page.app.manager.runs(ANNA)[-1].id


def visitor(page: Page, owner: str = ANNA, dataset: object = "", language: str = "en") -> Visitor:
    return Visitor(owner, language, dataset, run_of(page), {})


def form_of(page: Page) -> GanForm:
    form: GanForm = page.tabs["train"].forms["gan"]
    return form


def values_of(page: Page, **changes: Any) -> dict[Any, Any]:
    """The Train tab as it is first shown, with some of the generator's fields filled in."""
    form = form_of(page)
    values = {component: component.value for component in page.tabs["train"].reads}
    values[page.tabs["train"].kind] = "gan"
    return {**values, **{form.fields[name]: value for name, value in changes.items()}}


def keep(page: Page, images: ImageSet) -> DataSet:
    return page.app.datasets.keep(ANNA, moved(page.app.home, images), "pets.zip")


def moved(home: Home, images: ImageSet) -> Path:
    folder = home.datasets / new_id()
    folder.parent.mkdir(parents=True, exist_ok=True)
    images.folder.rename(folder)
    return folder


# ---- the form


def test_the_form_as_it_is_first_shown_is_the_usual_config(page: Page) -> None:
    usual = GanConfig(start_from=default_start(GanConfig()))
    assert form_of(page).config(Call(visitor(page), values_of(page))) == decide(usual)


def test_the_textbook_button_writes_the_textbook_in_the_persons_time(page: Page) -> None:
    form = form_of(page)
    values = {**values_of(page, minutes=7), **form.textbook()}
    assert form.config(Call(visitor(page), values)) == replace(GAN_TEXTBOOK, minutes=7)


def test_a_network_and_a_size_that_do_not_fit_are_made_to_fit(page: Page) -> None:
    form = form_of(page)
    sides = form.settings["resolution"].choices
    for architecture, side in itertools.product(ARCHITECTURES, sides):
        values = values_of(page, architecture=architecture, resolution=side)
        sized = form.config(
            Call(visitor(page), values | dict(form.fit_resolution(Call(visitor(page), values))))
        )
        built = form.config(
            Call(visitor(page), values | dict(form.fit_architecture(Call(visitor(page), values))))
        )
        assert sized.architecture == architecture
        assert built.resolution == side


def test_a_wrong_value_is_called_as_this_form_calls_it(page: Page) -> None:
    with pytest.raises(UserError) as caught:
        form_of(page).config(Call(visitor(page), values_of(page, lr=5.0)))
    assert caught.value.what.values["field"] == "gan.field_lr"


def test_only_ones_own_generators_can_be_started_from(page: Page) -> None:
    form, run_id = form_of(page), run_of(page)
    values = values_of(page, start_from=run_id)
    config = form.config(Call(visitor(page), values))
    assert config.start_from == str(page.app.manager.folder(run_id).path)
    with pytest.raises(UserError):
        form.config(Call(visitor(page, BEN), values))
    with pytest.raises(UserError):
        form.config(Call(visitor(page), values_of(page, start_from="../../etc")))


def test_a_source_that_is_deleted_is_no_longer_chosen(page: Page) -> None:
    tab, start = page.tabs["train"], form_of(page).fields["start_from"]
    updates, seen = tab.refresh(visitor(page), {})
    everybodys = start_choices("en")
    assert [value for _, value in updates[start].choices[len(everybodys) :]] == [run_of(page)]
    assert "value" not in updates[start].constructor_args
    who = visitor(page)
    page.app.manager.delete(run_of(page))
    updates, seen = tab.refresh(who, seen)
    assert updates[start].choices == everybodys
    assert updates[start].value == FITTING
    assert tab.refresh(who, seen) == ({}, seen)


def test_a_run_that_was_cut_short_can_be_started_from(page: Page, images: ImageSet) -> None:
    manager, form = page.app.manager, form_of(page)
    (run,) = manager.runs(ANNA)
    folder = manager.folder(run.id).path
    (folder / "result.json").unlink()
    assert form.sources(manager.runs(ANNA)) == [run]
    (folder / "model").rename(folder / "checkpoint")
    assert form.sources([run]) == [run]
    shutil.rmtree(folder / "checkpoint")
    assert form.sources([run]) == []
    with pytest.raises(UserError):
        form.config(Call(visitor(page), values_of(page, start_from=run.id)))


def parsed(command: str) -> Mapping[str, Any]:
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "training"]
    return vars(create_parser().parse_args(words[3:]))


@pytest.mark.parametrize(
    "changes", [{}, {"mirror": True, "conditional": False}, {"lr": 0.0002, "images": 5000}]
)
def test_the_command_line_says_the_same(
    page: Page, images: ImageSet, changes: Mapping[str, Any]
) -> None:
    form, dataset = form_of(page), keep(page, images)
    config = form.config(Call(visitor(page), values_of(page, start_from=run_of(page), **changes)))
    options = parsed(form.command(config, dataset))
    given = {name: options[name] for name in config.to_json() if options[name] is not None}
    assert decide(replace(GanConfig(), **given)) == config
    assert options["data"] == "pets.zip"


# ---- which pictures can teach whom


def test_pictures_without_classes_are_for_a_generator(page: Page, make_set: MakeSet) -> None:
    dataset = keep(page, make_set({"only": 60}))
    tab, who = page.tabs["train"], visitor(page, dataset=dataset.id)
    as_classifier = {**values_of(page), tab.kind: "classifier"}
    refused = tab.show(Call(who, as_classifier))
    assert refused[tab.start_btn].interactive is False
    assert t("train.or_generator") in refused[tab.plan]
    arrived = tab._arrive(Call(who, as_classifier))
    assert arrived[tab.kind] == "gan"
    assert arrived[tab.start_btn].interactive is True


def test_two_classes_leave_the_choice_to_the_person(page: Page, images: ImageSet) -> None:
    dataset = keep(page, images)
    tab, who = page.tabs["train"], visitor(page, dataset=dataset.id)
    assert tab.kind not in tab._arrive(Call(who, {**values_of(page), tab.kind: "classifier"}))


@pytest.mark.parametrize(
    ("count", "said", "not_said"),
    [
        (20, "gan.advice_tiny", "gan.advice_small"),
        (60, "gan.advice_small", "gan.advice_tiny"),
    ],
)
def test_few_pictures_get_honest_advice(
    page: Page, make_set: MakeSet, count: int, said: str, not_said: str
) -> None:
    dataset = keep(page, make_set({"only": count}, side=16))
    plan = form_of(page).plan(GanConfig(), dataset, "zh")
    values = {"count": count if count < 50 else 48, "least": 50}
    assert t(said, "zh", **values) in plan.advice
    assert t(not_said, "zh", **values) not in plan.advice


@pytest.mark.parametrize(("device", "warned"), [("cpu", True), ("cuda:0", False)])
def test_large_pictures_are_advised_against_where_there_is_no_graphics_card(
    page: Page, images: ImageSet, monkeypatch: pytest.MonkeyPatch, device: str, warned: bool
) -> None:
    monkeypatch.setattr("ui.train.gan_plan.list_devices", lambda: (device,))
    dataset = keep(page, images)
    for side in (64, 256):
        config = GanConfig(architecture="stylegan2", resolution=side)
        plan = form_of(page).plan(config, dataset, "en")
        assert (t("gan.advice_large", "en", side=side) in plan.advice) == (warned and side == 256)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_headline_is_in_plain_words(language: str) -> None:
    labelled = replace(METERS, recognised=0.617, recognised_real=0.81)
    said = verdicts.plain_words(labelled, language)
    assert said == t("gan.plain_recognised_real", language, made=62, real=81)
    alone = replace(METERS, recognised=0.617)  # no real pictures were kept back
    assert verdicts.plain_words(alone, language) == t("gan.plain_recognised", language, made=62)
    unlabelled = replace(METERS, recall=0.5)
    assert verdicts.plain_words(unlabelled, language) == t("gan.plain_covered", language, made=80)
    assert verdicts.plain_words(METERS, language) == ""  # an earlier version's
    assert verdicts.plain_words(replace(unlabelled, reference="train"), language) == ""
    for metrics in (labelled, unlabelled):
        html = view.metrics_html(metrics, GanConfig().to_json(), False, language)
        assert verdicts.plain_words(metrics, language) in html


def test_one_picture_again_and_again_is_little_variety() -> None:
    assert verdicts.variety_level(replace(METERS, repeated=0.01))[0] == "good"
    assert verdicts.variety_level(replace(METERS, repeated=0.1))[0] == "fair"
    assert verdicts.variety_level(replace(METERS, repeated=0.5)) == ("bad", 0.0)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("changes", "device", "warned"),
    [
        ({"architecture": "stylegan2"}, "cpu", True),
        ({"architecture": "r3gan", "resolution": 64}, "cpu", True),
        ({"architecture": "stylegan2"}, "cuda:0", False),
        ({"architecture": "stylegan2", "minutes": 30.0}, "cpu", False),
        ({"architecture": "stylegan2", "start_from": "a/run"}, "cpu", False),
        ({}, "cpu", False),
        ({"architecture": "mlp", "resolution": 64, "minutes": 0.1}, "cpu", False),
    ],
)
def test_a_network_that_needs_long_says_how_long(
    page: Page,
    images: ImageSet,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    device: str,
    warned: bool,
    language: str,
) -> None:
    monkeypatch.setattr("ui.train.gan_plan.list_devices", lambda: (device,))
    config = GanConfig(**changes)
    plan = form_of(page).plan(config, keep(page, images), language)
    side = config.resolution
    values = {
        "name": t(f"gan.arch_{config.architecture}", language),
        "minutes": duration(seconds_needed(config.architecture, side), language),
    }
    assert (t("gan.advice_slow", language, **values) in plan.advice) == warned


# ---- pictures over time


def test_the_way_back_begins_at_the_first_picture_and_ends_at_now(page: Page) -> None:
    watch, who = page.tabs["watch"].gan, visitor(page)
    first = watch._look_back(Call(who, {watch.time: 0}))[watch.past]
    middle = watch._look_back(Call(who, {watch.time: 50}))[watch.past]
    assert t("gan.grid_caption", seen="0") in first
    assert t("gan.grid_caption", seen="100") in middle
    assert watch._look_back(Call(who, {watch.time: 100})) == {watch.past: ""}
    newest = page.tabs["watch"].refresh(who, {})[0][watch.now]
    assert t("gan.grid_caption", seen="200") in newest


def test_a_tick_never_moves_the_slider_or_what_a_person_looks_back_at(page: Page) -> None:
    watch, who, run_id = page.tabs["watch"], visitor(page), run_of(page)
    _, seen = watch.refresh(who, {})
    live = page.app.manager._runs[run_id]
    folder = live.folder
    shot = {"event": "picture", "name": "samples", "images_seen": 300, "seconds": 2.0}
    Image.new("RGB", (60, 60)).save(folder.path / "previews" / "samples-000000300.png")
    live.history = live.history.after(shot)
    live.changed()
    updates, _ = watch.refresh(who, seen)
    assert t("gan.grid_caption", seen="300") in updates[watch.gan.now]
    assert not {watch.gan.time, watch.gan.past} & set(updates)


def test_rows_are_classes_only_where_they_are(page: Page, make_set: MakeSet) -> None:
    home = page.app.home
    many = make_set({f"class {number}": 3 for number in range(17)})
    two = make_set({"a": 3, "b": 3})
    names = {
        key: view.row_names(RunFolder(home.runs / make_run(home, images, **changes)))
        for key, images, changes in (
            ("two", two, {}),
            ("off", two, {"conditional": False}),
            ("many", many, {}),
        )
    }
    assert names == {"two": ("a", "b"), "off": (), "many": ()}


def test_a_picture_that_is_gone_is_nothing(tmp_path: Path) -> None:
    assert view.grid_html(tmp_path / "gone.png", "", (), "") == ""


def test_large_grids_travel_light(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    html = view.grid_html(path, "", (), "")
    assert "data:image/jpeg" in html
    assert len(html) < path.stat().st_size


def test_a_film_is_made_once_and_of_two_pictures_at_least(page: Page, images: ImageSet) -> None:
    films, who = page.tabs["watch"].gan.films, visitor(page)
    films._make("gif", Call(who, {}))
    (made,) = (page.app.home.temp / run_of(page)).glob("*.gif")
    with Image.open(made) as film:
        assert getattr(film, "n_frames", 1) == 3
    stamp = made.stat().st_mtime_ns
    films._make("gif", Call(who, {}))
    assert made.stat().st_mtime_ns == stamp

    home = Home(page.app.home.path.with_name("other"))
    make_run(home, images, shots=1)
    lonely = Page(home, RunManager(home, ("cpu",)), Limits())
    with pytest.raises(UserError):
        lonely.tabs["watch"].gan.films._make("gif", Call(visitor(lonely), {}))


def silent(*_: Any, **__: Any) -> None:
    """A progress bar that nobody sees."""


# ---- meters


@pytest.mark.parametrize(
    ("changes", "quality", "variety", "copying"),
    [
        ({}, "fair", "good", "good"),
        ({"kid": 0.1, "variety_within": 0.2}, "good", "bad", "good"),
        ({"kid": -0.001}, "good", "good", "good"),
        ({"kid": 50.0, "distinct": 0.4}, "bad", "poor", "good"),
        ({"fd_floor": None, "reference": "train"}, "unknown", "good", "good"),
        ({"copied_share": None, "copied_range": None}, "fair", "good", "unknown"),
        ({"copied_share": 0.7, "copied_range": (0.4, 0.9)}, "fair", "good", "poor"),
        ({"copied_share": 0.9, "copied_range": (0.8, 0.97)}, "fair", "good", "bad"),
        ({"copied_tail_p": 1e-6}, "fair", "good", "some"),
        ({"fd_floor": None}, "fair", "good", "good"),  # as earlier versions left it
        ({"variety_within": None, "variety": 3.0}, "fair", "good", "good"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_meters_are_words(
    language: str, changes: dict[str, Any], quality: str, variety: str, copying: str
) -> None:
    metrics = replace(METERS, **changes)
    said = view.metrics_html(metrics, GanConfig().to_json(), False, language)
    for name, level in (("quality", quality), ("variety", variety), ("copying", copying)):
        assert t(f"gan.{name}_{level}", language) in said
        assert t(f"gan.{name}_{level}_info", language) in said
    assert "nan" not in said.lower()


def test_meters_come_back_from_a_file() -> None:
    data = json.loads(json.dumps({**METERS.to_json(), "images_seen": 1, "collapsed": True}))
    assert view.read_metrics(data) == METERS
    assert view.read_metrics(None) is None


def test_an_alarm_names_what_has_not_been_tried() -> None:
    usual = GanConfig(conditional=False).to_json()
    alarm = view.metrics_html(METERS, usual, True, "en")
    assert t("gan.cure_relativistic") in alarm
    assert t("gan.cure_classes") in alarm
    assert t("gan.cure_augment") not in alarm
    tried = {**usual, "loss": "relativistic", "d_lr_factor": 0.5, "conditional": True}
    assert view.cures(tried) == ["time"]


# ---- the whole page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_class_or_a_run_is_never_markup(page: Page, language: str) -> None:
    who = visitor(page, language=language)
    said = page._all(who, values_of(page))
    texts = [value for value in said.values() if isinstance(value, str)]
    texts += [
        value["value"] for value in said.values() if isinstance(value, dict) if "value" in value
    ]
    shown = "".join(text for text in texts if isinstance(text, str) and text.startswith("<"))
    assert "&lt;img src=x" in shown
    assert EVIL not in shown


def test_nothing_is_sent_twice(page: Page) -> None:
    who = visitor(page)
    seen: Mapping[str, Hashable] = {}
    for name in REFRESHED:
        updates, seen = page.tabs[name].refresh(who, seen)
        assert updates
    for name in REFRESHED:
        assert page.tabs[name].refresh(who, seen) == ({}, seen)


def test_the_table_of_runs_says_what_a_generator_is_measured_by(page: Page) -> None:
    runs = page.app.manager.runs(ANNA)
    table = runs_html(runs, {run_of(page): "mine"}, "en")
    visible = re.sub(r'title="[^"]*"', "", table)
    assert f"<td>{t('gan.quality_fair')}</td>" in visible
    assert "FD" not in visible and t("gan.loss_non_saturating") not in visible
    assert t("gan.loss_non_saturating") in table  # for who points at it


def test_a_stranger_gets_no_picture(page: Page) -> None:
    who, tries = visitor(page, BEN), page.tabs["try"]
    watch = page.tabs["watch"].gan
    with pytest.raises(UserError):
        watch._look_back(Call(who, {watch.time: 0}))
    for films in (watch.films, page.tabs["result"].gan.films):
        with pytest.raises(UserError):
            films._make("gif", Call(who, {}))
    with pytest.raises(UserError):
        tries.gan._make(Call(who, new_pictures(page)))


def new_pictures(page: Page, **changes: Any) -> dict[Any, Any]:
    panel = page.tabs["try"].gan
    values = {"seed": 5, "count": 6, "class_name": "", "psi": 0.7, **changes}
    return {panel.picker: run_of(page), **{getattr(panel, k): v for k, v in values.items()}}


def test_the_same_seed_makes_the_same_pictures(page: Page) -> None:
    panel, who = page.tabs["try"].gan, visitor(page)
    first, again, other = (
        panel._make(Call(who, new_pictures(page, seed=seed)))[panel.pictures] for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other
    green = panel._make(Call(who, new_pictures(page, class_name="green")))[panel.save_btn]
    with Image.open(green.value["path"]) as picture:
        assert picture.size == (2 * 112 + 8, 3 * 112 + 16)


def test_the_next_pictures_are_new_ones(page: Page) -> None:
    panel = page.tabs["try"].gan
    shown = panel._next(Call(visitor(page), new_pictures(page)))
    assert shown[panel.seed] == 11
    assert t("gan.made_alt", count=6, seed=11) in shown[panel.pictures]
