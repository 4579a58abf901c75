"""The latent page's shared state.

Which picture is shown, whose generator paints it, and how to go to another picture.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from models.weights import is_shipped, shipped_folder, shipped_names
from training.core.messages import UserError
from training.jobs.datasets import is_id
from training.jobs.live import RunStatus
from training.latent.recipe import Recipe
from training.latent.sampler import GanSampler
from training.latent.steering import first_seed, load_gan_sampler
from training.runs.folder import RunFolder
from ui.common.context import AppContext, Call, Updates, Values, Visitor
from ui.common.generator_html import is_gan
from ui.common.tokens import ShareTokens
from ui.latent.moves import fitted
from ui.latent.sliders import SliderPanel

log = logging.getLogger(__name__)

MAX_STORY = 100  # steps that can be undone, kept by the server for each open tab


@dataclass(frozen=True)
class LatentState:
    """What is shown. ``mine`` is false for a shipped generator, and for one come to by a link."""

    folder: RunFolder
    sampler: GanSampler
    recipe: Recipe
    mine: bool

    @property
    def run(self) -> str:
        """The run's id, or the name of a shipped generator."""
        return self.folder.path.name

    @property
    def shipped(self) -> bool:
        """Whether the generator comes with the project, and so is open to everybody."""
        return is_shipped(self.folder.path)

    @property
    def name(self) -> str:
        """What the run's owner called it, or the name of a shipped generator; untranslated."""
        return self.run if self.shipped else self.folder.info().name


@dataclass(frozen=True)
class LatentCall(Call):
    """A ``Call`` on the latent page: the visitor may steer the generator in ``state``."""

    state: LatentState = field(kw_only=True)

    def at(self, recipe: Recipe) -> LatentCall:
        """The same call at another picture of the same generator."""
        return replace(self, state=replace(self.state, recipe=recipe))


LatentHandler = Callable[[LatentCall], Updates | None]


@dataclass(frozen=True)
class View:
    """A part of the page that shows the picture, or something around it; see ``add_view``."""

    redraw: Callable[[LatentCall], Updates]
    writes: tuple[Block, ...]
    follows_sliders: bool


class LatentSession:
    """Lets all parts of the page show the same picture, without knowing each other.

    Each registers what it shows by ``add_view`` while the page is built, and is redrawn whenever
    the picture is another one. Handlers are connected after that, as they write what all views do.

    A picture is *settled* when a slider is let go: it is remembered, and undo leads back to it.
    """

    def __init__(
        self, app: AppContext, message: gr.HTML, picker: gr.Dropdown, sliders: SliderPanel
    ) -> None:
        self.app, self.message, self.picker, self.sliders = app, message, picker, sliders
        self.tokens = ShareTokens(app.home)
        self.shipped = shipped_names("gan")
        self.here, self.kept = app.picture, app.tray
        self.story = gr.State({})
        self._views: list[View] = []
        self._view_reads: list[Component] = []

    def add_view(
        self,
        redraw: Callable[[LatentCall], Updates],
        *,
        writes: Iterable[Block],
        reads: Iterable[Component] = (),
        follows_sliders: bool = True,
    ) -> None:
        """Call ``redraw`` when another picture is shown.

        With ``follows_sliders`` also when a slider was let go. The picture itself needs no such
        call: it changes while the slider is dragged, see ``PicturePanel.steer``.
        """
        self._views.append(View(redraw, tuple(writes), follows_sliders))
        self._view_reads += reads

    @property
    def reads(self) -> list[Component]:
        """All that ``state`` and the views need."""
        return [self.picker, self.here, self.story, *self.sliders.reads, *self._view_reads]

    @property
    def settle_writes(self) -> list[Block]:
        """All that ``settle`` may change."""
        following = [view for view in self._views if view.follows_sliders]
        return [self.here, self.story, *(block for view in following for block in view.writes)]

    @property
    def go_writes(self) -> list[Block]:
        """All that going to another picture may change."""
        shown = [block for view in self._views for block in view.writes]
        return [self.here, self.story, *self.sliders.outputs, *shown]

    # ---- whose

    def runs(self, visitor: Visitor) -> tuple[list[RunStatus], list[RunStatus]]:
        """The person's own generators, and those of others that they have a valid pass to."""
        manager = self.app.manager
        mine = [run for run in manager.runs(visitor.owner) if self._steerable(run)]
        others = [
            manager.status(run)
            for run, token in claims(visitor).items()
            if is_id(run) and manager.knows(run) and self.tokens.allows(run, token)
        ]
        own = {run.id for run in mine}
        return mine, [run for run in others if self._steerable(run) and run.id not in own]

    def _steerable(self, run: RunStatus) -> bool:
        return is_gan(run) and self.app.manager.folder(run.id).has_weights()

    def may_steer(self, visitor: Visitor, run: str) -> bool:
        """Whether ``run`` is a shipped generator, or one of ``runs`` with weights to steer."""
        return run in self.shipped or any(
            run == each.id for part in self.runs(visitor) for each in part
        )

    def let_in(self, run: str, token: object) -> RunFolder | None:
        """The folder of a shipped generator, or of a run that ``token`` is a valid pass to.

        ``None`` for all others, a visitor's own included: the sliders' short way knows no visitor.
        """
        if run in self.shipped:
            return RunFolder(shipped_folder(run))
        manager = self.app.manager
        return (
            manager.folder(run) if self.tokens.allows(run, token) and manager.knows(run) else None
        )

    def require(self, visitor: Visitor, run: object) -> tuple[RunFolder, bool]:
        """The folder of ``run``, a browser's claim, and whether it is the visitor's.

        Raises:
            UserError: it is neither theirs, nor shipped, nor do they have a pass.
        """
        manager = self.app.manager
        if is_id(run) and is_id(visitor.owner) and manager.owns(visitor.owner, str(run)):
            return manager.folder(str(run)), True
        if isinstance(run, str) and (folder := self.let_in(run, claims(visitor).get(run))):
            return folder, False
        raise UserError("page.no_such_run")

    def token(self, call: LatentCall) -> str:
        """A pass to the run that is shown: an owner gets a fresh one, a guest keeps theirs.

        So a guest who shares a link gives no more time than they have. Empty for shipped ones.
        """
        state = call.state
        if state.shipped:
            return ""
        return self.tokens.make(state.run) if state.mine else str(claims(call.visitor)[state.run])

    # ---- where one is, and how to go elsewhere

    def state(self, visitor: Visitor, values: Values) -> LatentState:
        """The run in ``picker``, and the picture that the sliders stand at.

        Raises:
            UserError: the run can't be found or is not for this visitor, or has no weights.
        """
        folder, mine = self.require(visitor, values[self.picker])
        sampler = load_gan_sampler(folder.path)
        base = self.left(values, folder.path.name, sampler)
        return LatentState(folder, sampler, self.sliders.read(values, base, sampler), mine)

    def left(self, values: Values, run: str, sampler: GanSampler) -> Recipe:
        """The picture of this run that was settled on last, else the one to open it with."""
        here = values[self.here]
        if isinstance(here, Mapping) and here.get("run") == run:
            try:
                return fitted(Recipe.from_text(str(here.get("recipe"))), sampler)
            except UserError:  # of a model that has changed since, another version's, or forged
                log.info("The picture last shown of run %s can't be shown any more.", run)
        return fitted(Recipe(seed=first_seed(run)), sampler)

    def settle(self, call: LatentCall) -> Updates:
        """Remember what is shown as a step that can be undone; nothing if it is the last one."""
        story = _story(call.values[self.story], call.state.run)
        before, text = self._texts(call)
        if before == text:
            return {}
        past = [*story["past"], before][-MAX_STORY:]
        return {
            self.story: {"run": call.state.run, "past": past, "future": []},
            self.here: {"run": call.state.run, "recipe": text},
            **self.redraw(call, all_views=False),
        }

    def redraw(self, call: LatentCall, *, all_views: bool = True) -> Updates:
        """The updates of all views for the picture of ``call``.

        Without ``all_views`` only of those that the sliders' short way has not updated already.
        """
        updates: Updates = {}
        for view in self._views:
            if all_views or view.follows_sliders:
                updates |= view.redraw(call)
        return updates

    def arrive(self, call: LatentCall) -> Updates:
        """Show the picture of ``call``: put the sliders there, and redraw all views."""
        first = call.values[self.sliders.first]
        return {
            self.here: {"run": call.state.run, "recipe": call.state.recipe.to_text()},
            **self.sliders.show(call.state.recipe, call.state.sampler, first),
            **self.redraw(call),
        }

    def go(self, call: LatentCall, recipe: Recipe) -> Updates:
        """Show another picture of the same run; ``undo`` leads back to what was shown."""
        story = _story(call.values[self.story], call.state.run)
        left, here = self._texts(call)
        past = [*story["past"], left, *([here] if here != left else [])][-MAX_STORY:]
        return {
            self.story: {"run": call.state.run, "past": past, "future": []},
            **self.arrive(call.at(fitted(recipe, call.state.sampler))),
        }

    def undo(self, call: LatentCall) -> Updates:
        """One step back; no updates where there is none."""
        return self._step(call, forward=False)

    def redo(self, call: LatentCall) -> Updates:
        """Forward to what was undone; no updates where nothing was."""
        return self._step(call, forward=True)

    def _step(self, call: LatentCall, *, forward: bool) -> Updates:
        story = _story(call.values[self.story], call.state.run)
        past, future = list(story["past"]), list(story["future"])
        left, here = self._texts(call)
        if here != left:  # a change that was not let go of yet
            past.append(left)
        if not (future if forward else past):
            return {}
        (past if forward else future).append(here)
        recipe = Recipe.from_text((future if forward else past).pop())
        return {
            self.story: {"run": call.state.run, "past": past, "future": future},
            **self.arrive(call.at(fitted(recipe, call.state.sampler))),
        }

    def _texts(self, call: LatentCall) -> tuple[str, str]:
        """As texts: the picture last settled on, and the one that the sliders stand at."""
        state = call.state
        return self.left(call.values, state.run, state.sampler).to_text(), state.recipe.to_text()

    def on(self, trigger: Any, handler: LatentHandler, **options: Any) -> Any:
        """``AppContext.on`` for a handler that is given a ``LatentCall``.

        Nothing happens while no run is chosen. Values come as the browser sent them: forty
        components would each cost a hop to another thread, and answer a number out of bounds with
        an error that nobody sees.
        """

        def with_state(call: Call) -> Updates | None:
            if call.values[self.picker] is None:
                return {}
            return handler(self.latent(call))

        reads = [*self.reads, *options.pop("reads", ())]
        options = {"message": self.message, "preprocess": False, **options}
        return self.app.on(trigger, with_state, reads=reads, **options)

    def latent(self, call: Call) -> LatentCall:
        """The same call with ``state``; raises what that raises."""
        state = self.state(call.visitor, call.values)
        return LatentCall(call.visitor, call.values, call.progress, call.data, state=state)


def claims(visitor: Visitor) -> Mapping[Any, Any]:
    """Run id to pass, as the browser claims; empty for what is no mapping."""
    return visitor.shared if isinstance(visitor.shared, Mapping) else {}


def _story(value: object, run: str) -> Mapping[str, Any]:
    """The steps that can be undone and redone, as texts; none where they are another run's."""
    if isinstance(value, Mapping) and value.get("run") == run:
        return value
    return {"past": [], "future": []}
