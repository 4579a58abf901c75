"""Step 5 for a classifier: a picture in, probabilities out, and whether it is unlike all it knows.

A held-out picture to press, a file, or a camera that stays on.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from training.classifier.predict import Prediction, load_predictor
from training.core.messages import UserError, t
from training.data.imageset import ImageSet
from training.data.splits import split_images
from training.intake.take_in import read_picture
from training.jobs.live import RunStatus
from training.metrics.classification import wilson_range
from training.runs.folder import RunFolder
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.generator_html import is_gan
from ui.common.html import box, data_title, note, problem_html, say
from ui.common.images import jpeg_uri
from ui.common.parts import picture_input, picture_path, script
from ui.common.tokens import ShareTokens

MAX_CLASSES_SHOWN = 8
SAMPLES, THUMB_SIDE = 6, 96  # held-out pictures to press, and their px
MAX_FRAME = 400_000  # characters of a camera's picture
WORDS = ("start", "stop", "strange", "insecure", "refused", "missing")
LIVE_TEMPLATE = """
<div class="live" data-words="${JSON.stringify(words).replaceAll('"', '&quot;')}">
  <button type="button" class="pick live-btn">${words.start}</button>
  <p class="live-problem" aria-live="assertive"></p>
  <video muted playsinline></video>
  <div class="live-says" role="status"><p class="live-strange">${words.strange}</p>
    <ul class="live-answers"></ul></div>
</div>
"""


class ClassifierTry:
    """Pictures on the left, the answer on the right; hidden for runs of other kinds."""

    def __init__(
        self,
        app: AppContext,
        message: gr.HTML,
        picker: gr.Dropdown,
        folder: Callable[[Visitor, object], Path],
    ) -> None:
        """``folder`` gives the folder of the run in ``picker``, or refuses a stranger's."""
        self.app, self.message, self.picker, self.folder = app, message, picker, folder
        self.passes = ShareTokens(app.home, "ask")
        make = app.i18n.make

        def look(data: Mapping[str, Any]) -> dict[str, Any]:
            return self.look(data)  # Gradio marks what it calls, and a method can't be marked

        with gr.Row(visible=False) as self.body:
            with gr.Column():
                self.samples = gr.HTML(js_on_load=script("tiles.js"))
                self.picture = picture_input(app, "upload", height=190)
                self.live = make(
                    gr.HTML,
                    {"words": lambda lang: {word: t(f"try.live_{word}", lang) for word in WORDS}},
                    html_template=LIVE_TEMPLATE,
                    js_on_load=script("live.js"),
                    server_functions=[look],
                )
                # Apart: an update of one property of the above would take all others away.
                self.stage = gr.HTML(elem_classes="version live-stage")
            with gr.Column():
                self.verdict = gr.HTML()
                self.answer = make(
                    gr.Label,
                    {"label": "try.answer"},
                    visible=False,
                    num_top_classes=MAX_CLASSES_SHOWN,
                    elem_classes="answer",
                    buttons=[],
                )
                self.rates = gr.HTML()
        answers: dict[str, Any] = {
            "reads": [self.picture, picker],
            "writes": [self.verdict, self.answer],
            "message": message,
            "preprocess": False,
        }
        app.on(self.picture.change, self.predict, trigger_mode="always_last", **answers)
        app.on(self.picture.clear, lambda call: self._nothing(), **answers)
        app.on(self.samples.select, self._sample, event_data=True, **answers)

    # ---- what happens when

    def predict(self, call: Call) -> Updates:
        """What the model in the picker says of the uploaded picture."""
        path = picture_path(call.values[self.picture])
        folder = self.folder(call.visitor, call.values[self.picker])
        if path is None or is_gan(self.app.manager.status(folder.name)):
            return {}  # the picture was for the run shown before
        try:
            picture = read_picture(path)
        except UserError as problem:  # the last picture's answer must not stand beside this one
            return {**self._nothing(), self.message: problem_html(problem, call.language)}
        with self.app.manager.gate.foreground():
            found = load_predictor(folder)(picture)
        return self._answer(found, strange_html(found, call.language))

    def _sample(self, call: Call) -> Updates:
        """One of the held-out pictures was pressed: the answer, and the truth beside it."""
        folder = self.folder(call.visitor, call.values[self.picker])
        images, rows = _held_out(folder)
        place = call.data.get("place")
        if not isinstance(place, int) or not 0 <= place < len(rows):
            raise UserError("page.no_such_run")
        picture = images.picture(rows[place])
        with self.app.manager.gate.foreground():
            found = load_predictor(folder)(Image.fromarray(picture))
        truth = images.class_names[images.labels[rows[place]]]
        guess = next(iter(found.probabilities))
        key = "try.right" if guess == truth else "try.wrong"
        says = box("good" if guess == truth else "advice", say(key, call.language, truth=truth))
        return self._answer(found, says + strange_html(found, call.language))

    def look(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the model says of a camera's picture, for ``assets/live.js``.

        ``data`` is a claim: its pass, which this page has given out, says which model may be
        asked. What this page would never send gets no answer.
        """
        try:
            run, image = str(data["run"]), str(data["image"])
            if len(image) > MAX_FRAME or not self.passes.allows(run, data["pass"]):
                return {}
            picture = read_picture(base64.b64decode(image.partition(",")[2], validate=True))
            with self.app.manager.gate.foreground():
                found = load_predictor(self.app.manager.folder(run).path)(picture)
        except (UserError, KeyError, TypeError, AttributeError, binascii.Error):
            return {}
        best = list(found.probabilities.items())[:MAX_CLASSES_SHOWN]
        return {"shares": dict(best), "strange": bool(found.is_strange)}

    def _answer(self, found: Prediction, says: str) -> Updates:
        shown = gr.Label(value=found.probabilities, visible=True)
        return {self.verdict: says, self.answer: shown}

    def _nothing(self) -> Updates:
        # Hidden: Gradio's empty label names a place that has no role (axe: aria-prohibited-attr).
        return {self.verdict: "", self.answer: gr.Label(value=None, visible=False)}

    # ---- what is seen

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change."""
        return [self.body, self.samples, self.stage, self.verdict, self.answer, self.rates]

    def show(self, run: RunStatus, language: str) -> Updates:
        """The panel for ``run``, a classifier's; hidden for a generator's."""
        if is_gan(run):
            return {self.body: gr.Row(visible=False)}
        folder = self.app.manager.folder(run.id).path
        stage = {
            "run": run.id,
            "pass": self.passes.make(run.id),
            "side": load_predictor(folder).side,
        }
        return {
            **self._nothing(),
            self.body: gr.Row(visible=True),
            self.samples: held_out_html(folder, language),
            self.stage: f'<i data-stage="{html.escape(json.dumps(stage))}"></i>',
            self.rates: rates_html(run.result or {}, language),
        }


@lru_cache(maxsize=32)
def _held_out(folder: Path) -> tuple[ImageSet, list[int]]:
    """Test pictures of a run that can be pressed, evenly over the classes.

    Raises:
        FileNotFoundError: the picture set has been deleted.
    """
    run = RunFolder(folder)
    images, seed = run.images(), int(run.info().config["seed"])
    test = np.random.default_rng(seed).permutation(split_images(images, seed).test)
    turns = np.zeros(len(test), int)  # the how-manieth of its class each is
    for label in np.unique(images.labels[test]):
        mine = images.labels[test] == label
        turns[mine] = np.arange(mine.sum())
    return images, [int(row) for row in test[np.argsort(turns, kind="stable")][:SAMPLES]]


def held_out_html(folder: Path, language: str) -> str:
    """Held-out pictures to press; "" where the run's pictures are gone."""
    try:
        images, rows = _held_out(folder)
    except FileNotFoundError:
        return ""
    buttons = "".join(
        f'<button type="button" data-place="{place}" aria-label="'
        f'{html.escape(t("try.sample", language, number=place + 1))}">'
        f'<img alt="" src="{jpeg_uri(images.square(row, THUMB_SIDE))}"></button>'
        for place, row in enumerate(rows)
    )
    return f'{note(t("try.samples", language))}<div class="samples">{buttons}</div>'


def strange_html(found: Prediction, language: str) -> str:
    """That the picture is unlike all that the model knows; "" where it is not."""
    if not found.is_strange:
        return ""
    title, hint = (t(f"try.strange{part}", language) for part in ("", "_hint"))
    return box("advice strange", f"<strong>{title}</strong> {hint}")


def rates_html(result: Mapping[str, Any], language: str) -> str:
    """What the percentages mean, and how often strangers are told; measured on this model."""
    counted = result.get("strangers")
    if not counted:  # of an earlier version
        return note(t("try.note", language))
    (own, own_of), (others, others_of) = counted["own"], counted["others"]
    low, high = (round(100 * share) for share in wilson_range(own, own_of))
    says = t("try.rates", language, own=own, own_of=own_of, low=low, high=high)
    name = data_title(counted["other_set"], language)
    says += " " + t("try.rates_others", language, others=others, of=others_of, name=name)
    return note(f"{t('try.note_known', language)} {says}")
