"""What everybody reads is said in words that everybody knows; the others are folded away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import Block

from tests.conftest import MakeSet
from tests.unit.ui.train.test_generators import ANNA, METERS, keep, make_run, values_of
from training.core.home import Home
from training.core.messages import LANGUAGES, LOCALES, t
from training.gan.config import GanConfig
from training.intake.limits import Limits
from training.intake.report import Report
from training.jobs.manager import RunManager
from ui.common import generator_html as view
from ui.common.context import Call, Visitor
from ui.common.glossary import TERMS, explained
from ui.page import STEPS, Page

# Of the field's own words those that nobody is born with; a name of a file or of a person is free.
BANNED = (
    r"\bFD\b|\bKID\b|\bKD\b|\bEMA\b|\bF1\b|\bAdamW?\b|\bSGD\b|\bDCGAN\b|StyleGAN|R3GAN|\bMLP\b"
    r"|truncation|density|non-saturating|relativistic|minimax|wasserstein|hinge|momentum"
    r"|mobilenet|resnet|seedling-s|seedling_net|weight decay|smoothing|backbone|learning rate"
    r"|latent|hyper|tensor|epoch|batch|diffaugment|freezed|path.?length"
    r"|截断|密度|非饱和|相对损失|极小极大|权重衰减|标签平滑|动量|主干|学习率|潜|张量|批次|非线性"
)
STEPS_OF_OTHERS = ("latent",)  # its words are its own wing's


@pytest.fixture
def page(tmp_path: Path, make_set: MakeSet) -> Page:
    """Anna's page, with pictures and a finished generator."""
    home = Home(tmp_path / "home")
    make_run(home, make_set({"red": 30, "green": 30}))
    return Page(home, RunManager(home, ("cpu",)), Limits())


def folded(block: Block | None) -> bool:
    """Whether it lies inside of something closed."""
    while block is not None:
        if isinstance(block, gr.Accordion) and not block.open:
            return True
        block = block.parent
    return False


def texts(value: Any) -> Iterator[str]:
    """All strings of an update that people read, without tags and without what is folded."""
    if isinstance(value, Block):
        value = {
            k: v for k, v in value.constructor_args.items() if k in ("value", "label", "choices")
        }
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in ("__type__", "elem_classes", "headers"):
                yield from texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts(each[0] if isinstance(each, tuple) else each)
    elif isinstance(value, str):
        shown = re.sub(r"<details.*?</details>|<style.*?</style>", "", value, flags=re.S)
        yield re.sub(r"<[^>]*>|base64,\S+", " ", shown)


def jargon(said: dict[Any, Any]) -> list[str]:
    """What of all that is said is banned, with the sentence that it stands in."""
    return [
        f"{found[0]}: {text.strip()[:90]}"
        for component, value in said.items()
        if isinstance(component, Block) and not folded(component)
        for text in texts(value)
        for found in re.finditer(BANNED, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", [step for step in STEPS if step not in STEPS_OF_OTHERS])
@pytest.mark.parametrize("kind", ["classifier", "gan"])
def test_no_step_speaks_jargon(
    page: Page, make_set: MakeSet, kind: str, step: str, language: str
) -> None:
    dataset = keep(page, make_set({"cats": 40, "dogs": 40}))
    Report("folders", {"cats": 40, "dogs": 40}, 80, (), (), ()).save(dataset.folder)
    run = page.app.manager.runs(ANNA)[0].id
    visitor = Visitor(ANNA, language, dataset.id, run, {})
    values = {**values_of(page), page.tabs["train"].kind: kind}
    words: dict[Any, Any] = dict(page.app.i18n.fixed_words(step, language))
    shown, _ = page._say(step, Call(visitor, values), {})
    names = {page.app.run, page.app.shared, page.app.stamp}
    shown = {each: value for each, value in shown.items() if each not in names}
    assert words or shown
    assert jargon(words) == []
    assert jargon(shown) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_generators_meters_and_alarm_speak_no_jargon(language: str) -> None:
    config = GanConfig().to_json()
    for metrics in (METERS, replace(METERS, reference="train"), replace(METERS, repeated=0.5)):
        for collapsed in (False, True):
            said = view.metrics_html(metrics, config, collapsed, language)
            assert jargon({gr.HTML(): said}) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_notices_and_verdicts_speak_no_jargon(language: str) -> None:
    """Whatever happens in a training is told in such words too."""
    begins = (
        "notice.",
        "gan.says_",
        "gan.kept_",
        "gan.cure_",
        "gan.advice_",
        "gan.plan",
        "result.",
        "watch.says",
    )
    details = {"gan.plan_networks", "gan.plan_teacher", "gan.plan_scratch"}
    found = [
        f"{key}: {match[0]}"
        for path in sorted((LOCALES / language).glob("*.json"))
        for key, sentence in json.loads(path.read_text(encoding="utf-8")).items()
        if key.startswith(begins) and key not in details and not key.endswith("_info")
        for match in re.finditer(BANNED, re.sub(r"{[^}]*}", "", sentence), re.IGNORECASE)
    ]
    assert found == []


# ---- the glossary


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_term_is_explained_in_one_plain_sentence(language: str) -> None:
    for name in TERMS:
        word, says = t(f"glossary.{name}", language), t(f"glossary.{name}_says", language)
        marked = explained(f"<p title='{word}'>x {word}, {word}</p>", language, name)
        assert marked.count("<button") == 1  # once is enough
        assert f"<p title='{word}'>" in marked and says in marked
        note = re.search(r'popovertarget="([^"]+)" aria-describedby="\1"', marked)
        assert note and f'popover id="{note[1]}"' in marked
        assert not re.search(BANNED, says, re.IGNORECASE)


def test_a_term_is_a_whole_word_and_never_inside_of_another_term() -> None:
    assert explained("regenerators", "en", "generator") == "regenerators"
    twice = explained("a generator", "en", "generator", "generator")
    assert twice.count("<button") == 1
    assert explained("loss", "en") == "loss"


def test_no_two_notes_have_one_id() -> None:
    notes = [explained("the generator", "en", "generator") for _ in range(2)]
    assert notes[0] != notes[1]
