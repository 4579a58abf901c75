"""A run's samples in time-lapse: two buttons that make a film and hand it over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from training.core.media import write_timelapse
from training.core.messages import UserError, t
from ui.common.context import Frame, Updates, Values, Visitor

KINDS = ("mp4", "gif")
FILM_SECONDS, SLOWEST, FASTEST = 12, 3, 24  # how long a film is to last; pictures a second
HOLD_SECONDS = 2  # that the last picture stays
# Who pressed "make" wants the file. The button stays, for browsers that ask first.
SAVE = '() => setTimeout(() => document.querySelector("button.%s")?.click(), 300)'


class Films:
    """The buttons; built inside the page's context."""

    def __init__(
        self, frame: Frame, message: gr.HTML, name: str, shown: Callable[[Visitor], str]
    ) -> None:
        """``shown`` gives the id of the run that a visitor sees; ``name`` is this place's own."""
        self.frame, self.shown = frame, shown
        make, options = frame.words.make, {"size": "md", "min_width": 90}
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
            frame.on(
                button.click,
                self._maker(kind),
                writes=[self.file],
                message=message,
                progress_on=self.note,
            ).success(None, js=SAVE % name)

    @property
    def outputs(self) -> list[Block]:
        """All that ``clear`` may change."""
        return [self.file]

    def clear(self) -> Updates:
        """Another run is shown: its film has not been made."""
        return {self.file: gr.DownloadButton(visible=False)}

    def _maker(self, kind: str) -> Any:
        return lambda visitor, values, bar: self._make(visitor, values, bar, kind)

    def _make(self, visitor: Visitor, values: Values, bar: gr.Progress, kind: str) -> Updates:
        run_id = self.shown(visitor)
        shots = self.frame.manager.folder(run_id).shots("samples")
        if len(shots) < 2:
            name = self.frame.manager.snapshot(run_id).about.name
            raise UserError("gan.no_film", name=name)
        path = self.frame.home.temp / run_id / f"seedling-{len(shots)}-{shots[-1][0]}.{kind}"
        if not path.exists():
            bar(None, desc=t("gan.film_making", visitor.language))
            path.parent.mkdir(parents=True, exist_ok=True)
            fps = min(FASTEST, max(SLOWEST, len(shots) / FILM_SECONDS))
            files: list[Path] = [file for _, file in shots]
            write_timelapse(files, path, fps=fps, hold_last=HOLD_SECONDS)
        label = t("gan.film_saved", visitor.language, name=kind.upper())
        return {self.file: gr.DownloadButton(value=str(path), label=label, visible=True)}


def _note(language: str) -> str:
    return f'<p class="note">{t("gan.film_note", language)}</p>'
