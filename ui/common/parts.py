"""Parts that several tabs share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

from training.core.paths import ASSETS
from ui.common.context import AppContext, Updates
from ui.common.html import empty_state
from ui.common.plots import SPACED

# Pages that are not served over https, as in a classroom, have no ``navigator.clipboard``.
COPY_JS = """async (text) => {
  if (navigator.clipboard) { await navigator.clipboard.writeText(text); return; }
  const field = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}"""


class Opening:
    """The top of a tab that shows a run: messages, and a hint while there is no run.

    ``body`` holds all that makes sense only once there is one. Construct it where it should stand.
    """

    def __init__(self, app: AppContext) -> None:
        self.empty = gr.HTML()
        self.to_train_btn = app.i18n.make(
            gr.Button,
            {"value": "page.to_train_btn"},
            variant="primary",
            visible=False,
            elem_classes="empty-next",
        )
        self.message = gr.HTML()
        self.body = gr.Column(visible=False)
        app.go(self.to_train_btn.click, "train")

    @property
    def outputs(self) -> list[Block]:
        """All that ``show`` changes."""
        return [self.empty, self.to_train_btn, self.body]

    def show(self, there_is_one: bool, title: str, hint: str) -> Updates:
        """The body, or ``title``, ``hint`` and the button to step 2 in its place."""
        return {
            self.empty: "" if there_is_one else empty_state(title, hint),
            self.to_train_btn: gr.Button(visible=not there_is_one),
            self.body: gr.Column(visible=there_is_one),
        }


class CopyField:
    """Text to take along: a field that can only be read, and a button that copies it.

    Gradio's own copy button stands inside of the field's ``<label>``, which then names the button
    and leaves the field without a name.
    """

    def __init__(
        self, app: AppContext, texts: dict[str, Any], *, visible: bool = True, **props: Any
    ) -> None:
        """``texts`` and ``props`` are those of the ``gr.Textbox``."""
        make = app.i18n.make
        self.field = make(gr.Textbox, texts, interactive=False, visible=visible, **props)
        with gr.Row(elem_classes="actions"):
            self.button = make(gr.Button, {"value": "page.copy_btn"}, size="md", visible=visible)
        self.button.click(None, self.field, js=COPY_JS)

    @property
    def outputs(self) -> list[Block]:
        """All that ``show`` and ``hide`` change."""
        return [self.field, self.button]

    def show(self, text: str) -> Updates:
        """``text``, ready to be copied."""
        return {
            self.field: gr.Textbox(value=text, visible=True),
            self.button: gr.Button(visible=True),
        }

    def hide(self) -> Updates:
        """Nothing to copy."""
        return {
            self.field: gr.Textbox(value="", visible=False),
            self.button: gr.Button(visible=False),
        }


def script(*names: str) -> str:
    """The text of scripts in assets/, one after the other, for the ``js_on_load`` of a gr.HTML."""
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def line_chart(
    app: AppContext, texts: Mapping[str, Any], colours: Mapping[str, str], **props: Any
) -> gr.LinePlot:
    """Curves over time, in colours that a legend below it names; ``props`` are the plot's own."""
    return app.i18n.make(
        gr.LinePlot,
        {"x_title": "watch.time_axis", **texts},
        x="x",
        y="y",
        color="curve",
        color_map=colours,
        y_title=" ",
        color_title=" ",
        height=300,
        x_axis_format=SPACED,
        show_label=False,
        buttons=[],
        **props,
    )


def picture_input(app: AppContext, first: str, **props: Any) -> gr.Image:
    """A place for one picture by file, webcam or clipboard; ``first`` is the way shown at first.

    Handlers that read it are called with ``preprocess=False`` and take the file as it came by
    ``picture_path``: ``training.intake`` reads more kinds of pictures than Gradio does, and says
    in the person's language what is wrong with the others.
    """
    return app.i18n.make(
        gr.Image,
        {"label": "page.picture", "placeholder": "page.picture_hint"},
        sources=sorted(("upload", "webcam", "clipboard"), key=lambda way: way != first),
        type="filepath",
        buttons=[],
        **props,
    )


def picture_path(value: Any) -> Path | None:
    """The uploaded file of a ``picture_input``; Gradio has checked that it is an upload."""
    return Path(value["path"]) if value else None
