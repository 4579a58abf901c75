"""Time-lapse films of samples.

Two buttons that make a film of a run's sample grids and hand it over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from training.core.media import write_timelapse
from training.core.messages import UserError, t
from ui.common.context import AppContext, Call, Updates, Visitor

KINDS = ("mp4", "gif")
FILM_SECONDS, SLOWEST, MAX_PER_SECOND = 12, 3, 24  # how long a film is to last; pictures a second
HOLD_SECONDS = 2  # that the last picture stays
# Who pressed "make" wants the file. The button stays, for browsers that ask first.
SAVE = '() => setTimeout(() => document.querySelector("button.%s")?.click(), 300)'


class Films:
    """One button for each of ``KINDS``, and one that hands the finished file over.

    The file lies in the home's temporary folder and is named by its newest sample, so that it is
    made once however often it is asked for.
    """

    def __init__(
        self, app: AppContext, message: gr.HTML, name: str, shown: Callable[[Visitor], str]
    ) -> None:
        """``shown`` gives the id of the run that a visitor sees; ``name`` is a CSS class.

        The class must be this place's own: the script that saves the file finds it by that.
        """
        self.app, self.shown = app, shown
        make = app.i18n.make
        options: dict[str, Any] = {"size": "md", "min_width": 90}
        self.note = make(gr.HTML, {"value": _note}, elem_classes="film-note")
        with gr.Row(elem_classes="actions"):
            self.buttons = {
                kind: make(gr.Button, {"value": f"gan.film_{kind}"}, **options) for kind in KINDS
            }
            self.file = make(
                gr.DownloadButton,
                {"label": "gan.film_save"},
                visible=False,
                elem_classes=name,
                variant="primary",
                **options,
            )
        for kind, button in self.buttons.items():
            app.on(
                button.click,
                partial(self._make, kind),
                writes=[self.file],
                message=message,
                progress_on=self.note,
            ).success(None, js=SAVE % name)

    @property
    def outputs(self) -> list[Block]:
        """All that ``clear`` may change."""
        return [self.file]

    def clear(self) -> Updates:
        """For another run: take back the file of the one before."""
        return {self.file: gr.DownloadButton(visible=False)}

    def _make(self, kind: str, call: Call) -> Updates:
        run_id = self.shown(call.visitor)
        shots = self.app.manager.folder(run_id).shots("samples")
        if len(shots) < 2:
            name = self.app.manager.status(run_id).info.name
            raise UserError("gan.no_film", name=name)
        path = self.app.home.temp / run_id / f"seedling-{len(shots)}-{shots[-1][0]}.{kind}"
        if not path.exists():
            call.progress(None, desc=t("gan.film_making", call.language))
            path.parent.mkdir(parents=True, exist_ok=True)
            fps = min(MAX_PER_SECOND, max(SLOWEST, len(shots) / FILM_SECONDS))
            files: list[Path] = [file for _, file in shots]
            write_timelapse(files, path, fps=fps, hold_last=HOLD_SECONDS)
        label = t("gan.film_saved", call.language, name=kind.upper())
        return {self.file: gr.DownloadButton(value=str(path), label=label, visible=True)}


def _note(language: str) -> str:
    return f'<p class="note">{t("gan.film_note", language)}</p>'
