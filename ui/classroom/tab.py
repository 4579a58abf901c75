"""The teacher's tab.

For whoever looks after the machine: everybody's runs, the queue, and how busy it is. Shown to those
who open the page with ``?teacher`` and know the password, which comes along with every call: no
session is trusted. Pupils' pictures and models are not to be seen here either.
"""

from __future__ import annotations

import hashlib
import html
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
import psutil

from training.core.messages import UserError, t
from training.jobs.live import RunStatus
from training.jobs.manager import RunManager
from training.runs.state import ACTIVE, RunState
from ui.classroom.accounts import Authenticator
from ui.common.context import AppContext, Call, Updates, Values, Visitor
from ui.common.html import box, duration, say

NAME = "teacher"  # of the password, and in the page's address
REFRESH = 3.0  # s


class TeacherTab:
    """A password, and behind it a list of runs that is refreshed every ``REFRESH`` seconds."""

    def __init__(self, app: AppContext, password: str, names: Mapping[str, str]) -> None:
        """``names`` is owner id to name, of people who sign in."""
        self.app, self.names = app, names
        self.opens = Authenticator({NAME: password})
        make = app.i18n.make
        self.message = gr.HTML()
        with gr.Row(elem_classes="actions"):
            self.password = make(
                gr.Textbox, {"label": "teacher.password"}, type="password", max_lines=1, scale=3
            )
            self.open_btn = make(gr.Button, {"value": "teacher.open_btn"}, variant="primary")
        with gr.Column(visible=False) as self.body:
            self.load, self.runs = gr.HTML(), gr.HTML()
            with gr.Row(elem_classes="actions"):
                self.picker = make(gr.Dropdown, {"label": "teacher.picker"}, filterable=False)
                self.stop_btn = make(gr.Button, {"value": "teacher.stop_btn"})
                self.clear_btn = make(gr.Button, {"value": "teacher.clear_btn"}, variant="stop")
        self.timer = gr.Timer(REFRESH, active=False)
        self._wire()

    def _wire(self) -> None:
        everything: dict[str, Any] = {
            "writes": [self.body, self.load, self.runs, self.picker, self.timer],
            "message": self.message,
        }
        asked, picked = [self.password], [self.password, self.picker]
        for trigger in (self.open_btn.click, self.password.submit):
            self.app.on(trigger, self._open, reads=asked, **everything)
        self.app.on(self.timer.tick, self._refresh, reads=picked, **everything)
        self.app.on(self.stop_btn.click, self._stop, reads=picked, **everything)
        self.app.on(self.clear_btn.click, self._clear, reads=picked, **everything)

    # ---- what happens when

    def _require(self, values: Values) -> None:
        if not self.opens(NAME, values[self.password]):
            raise UserError("teacher.password")

    def _open(self, call: Call) -> Updates:
        self._require(call.values)
        opened = {self.body: gr.Column(visible=True), self.timer: gr.Timer(active=True)}
        return {**opened, **self._show(call.visitor, None)}

    def _refresh(self, call: Call) -> Updates:
        self._require(call.values)
        return self._show(call.visitor, call.values[self.picker])

    def _stop(self, call: Call) -> Updates:
        self._require(call.values)
        manager, run_id = self.app.manager, call.values[self.picker]
        if not isinstance(run_id, str) or not manager.knows(run_id):
            raise UserError("page.no_such_run")
        manager.stop(run_id)
        return self._show(call.visitor, None)

    def _clear(self, call: Call) -> Updates:
        self._require(call.values)
        manager = self.app.manager
        for run in manager.all_runs():
            if run.status == RunState.QUEUED:
                manager.stop(run.id)
        return self._show(call.visitor, call.values[self.picker])

    # ---- what is seen

    def _show(self, visitor: Visitor, picked: object) -> Updates:
        runs, language = self.app.manager.all_runs(), visitor.language
        active = [run for run in runs if run.status in ACTIVE]
        choices = [(f"{self._who(run)}: {run.info.name}", run.id) for run in active]
        known = picked if picked in [run.id for run in active] else None
        return {
            self.load: load_html(self.app.manager, runs, language),
            self.runs: self._runs_html([*active, *(r for r in runs if r not in active)], language),
            self.picker: gr.Dropdown(choices=choices, value=known),
        }

    def _who(self, run: RunStatus) -> str:
        """A name, or a short hash, since whoever knows an owner's id is that owner."""
        owner = run.info.owner
        return self.names.get(owner) or f"#{hashlib.sha256(owner.encode()).hexdigest()[:4]}"

    def _runs_html(self, runs: Sequence[RunStatus], language: str) -> str:
        if not runs:
            return box("plain", t("teacher.no_runs", language))
        columns = ("who", "name", "status", "progress", "time", "place")
        heads = "".join(f"<th>{t(f'teacher.column_{column}', language)}</th>" for column in columns)
        rows = "".join(self._row(run, language) for run in runs)
        name = t("teacher.runs", language)
        return (
            f'<div class="table-box"><table class="scores runs" aria-label="{name}">'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def _row(self, run: RunStatus, language: str) -> str:
        history = run.history
        cells = (
            html.escape(run.info.name),
            t(f"watch.is_{run.status}", language),
            f"{history.progress:.0%}",
            duration(history.seconds, language) if history.seconds else "–",
            str(run.place or "–"),
        )
        rest = "".join(f"<td>{cell}</td>" for cell in cells)
        return f'<tr><th scope="row">{html.escape(self._who(run))}</th>{rest}</tr>'


def load_html(manager: RunManager, runs: Sequence[RunStatus], language: str) -> str:
    """How busy the machine is in one sentence: processor %, memory and free disk in GiB, runs."""
    memory = psutil.virtual_memory()
    # The home is made when it is first needed; until then its nearest parent has the disk.
    kept = next(path for path in (manager.home.path, *manager.home.path.parents) if path.exists())
    says = say(
        "teacher.load",
        language,
        processor=f"{psutil.cpu_percent():.0f}",
        used=f"{memory.used / 2**30:.1f}",
        memory=f"{memory.total / 2**30:.1f}",
        disk=f"{shutil.disk_usage(kept).free / 2**30:.0f}",
        running=sum(run.status == RunState.RUNNING for run in runs),
        waiting=sum(run.status == RunState.QUEUED for run in runs),
        people=len({run.info.owner for run in runs}),
        devices=", ".join(manager.devices),
    )
    return box("plain", says)
