"""What the parts of the latent page share: which picture is shown, and how to go to another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.components import Component

from models.weights import is_shipped, shipped_folder, shipped_names
from training.core.messages import UserError
from training.jobs.datasets import is_id
from training.jobs.live import Snapshot
from training.latent.recipe import Recipe
from training.latent.sampler import Sampler
from training.latent.steering import first_seed, load_sampler
from training.runs.folder import RunFolder
from ui.common.context import Frame, Updates, Values, Visitor
from ui.common.generator_html import is_gan
from ui.latent.links import Passes
from ui.latent.moves import fitted
from ui.latent.sliders import Controls

log = logging.getLogger(__name__)

MOST_STORY = 100  # steps back


@dataclass(frozen=True)
class Now:
    """What is shown. ``mine`` is false for somebody else's generator, come to by a link."""

    folder: RunFolder
    sampler: Sampler
    recipe: Recipe
    mine: bool

    @property
    def run(self) -> str:
        """The run's id, or the name of a generator that the project comes with."""
        return self.folder.path.name

    @property
    def shipped(self) -> bool:
        """Whether it comes with the project."""
        return is_shipped(self.folder.path)

    @property
    def name(self) -> str:
        """What the generator is called."""
        return self.run if self.shipped else self.folder.about().name


Refresh = Callable[[Visitor, Values, Now], Updates]


class Desk:
    """Built inside the page's context; the parts use it, and know nothing of each other."""

    def __init__(self, frame: Frame, message: gr.HTML) -> None:
        """The tab, which owns the picture, sets what is not known yet.

        That is the ``picker``, the ``controls``, what to do on arrival at another picture, and
        what that reads besides.
        """
        self.frame, self.message = frame, message
        self.passes = Passes(frame.home)
        self.shipped = shipped_names("gan")
        self.here, self.kept = frame.picture, frame.tray
        self.story = gr.State({})
        self.picker: gr.Dropdown
        self.controls: Controls
        self.arrive: Refresh
        self.also_reads: list[Component] = []

    @property
    def reads(self) -> list[Component]:
        """All that ``now`` needs."""
        return [self.picker, self.here, self.story, *self.controls.reads, *self.also_reads]

    # ---- whose

    def runs(self, visitor: Visitor) -> tuple[list[Snapshot], list[Snapshot]]:
        """The generators that this person can steer: their own, and those that came by a link."""
        manager = self.frame.manager
        mine = [run for run in manager.runs(visitor.owner) if self._steerable(run)]
        others = [
            manager.snapshot(run)
            for run, token in claims(visitor).items()
            if is_id(run) and manager.knows(run) and self.passes.allows(run, token)
        ]
        own = {run.id for run in mine}
        return mine, [run for run in others if self._steerable(run) and run.id not in own]

    def _steerable(self, run: Snapshot) -> bool:
        return is_gan(run) and self.frame.manager.folder(run.id).has_weights()

    def may_steer(self, visitor: Visitor, run: str) -> bool:
        """Whether this generator is there, and the visitor's, shared with them or everybody's."""
        return run in self.shipped or any(
            run == each.id for part in self.runs(visitor) for each in part
        )

    def let_in(self, run: str, token: object) -> RunFolder | None:
        """The folder of a generator that everybody may steer, or whoever has this pass."""
        if run in self.shipped:
            return RunFolder(shipped_folder(run))
        manager = self.frame.manager
        return (
            manager.folder(run) if self.passes.allows(run, token) and manager.knows(run) else None
        )

    def require(self, visitor: Visitor, run: object) -> tuple[RunFolder, bool]:
        """The run's folder, and whether it is the visitor's.

        Raises:
            UserError: it is neither theirs nor were they let in.
        """
        manager = self.frame.manager
        if is_id(run) and is_id(visitor.owner) and manager.owns(visitor.owner, str(run)):
            return manager.folder(str(run)), True
        if isinstance(run, str) and (folder := self.let_in(run, claims(visitor).get(run))):
            return folder, False
        raise UserError("page.no_such_run")

    def token(self, visitor: Visitor, now: Now) -> str:
        """A pass to the run that is shown: a fresh one of one's own, or the one that came."""
        if now.shipped:
            return ""
        return self.passes.make(now.run) if now.mine else str(claims(visitor)[now.run])

    # ---- where one is, and how to go elsewhere

    def now(self, visitor: Visitor, values: Values) -> Now:
        """The run and the picture that the controls say.

        Raises:
            UserError: the run can't be found, or has no weights.
        """
        folder, mine = self.require(visitor, values[self.picker])
        sampler = load_sampler(folder.path)
        base = self.left(values, folder.path.name, sampler)
        return Now(folder, sampler, self.controls.read(values, base, sampler), mine)

    def left(self, values: Values, run: str, sampler: Sampler) -> Recipe:
        """The picture of this run that the browser remembers, else the one to open it with."""
        here = values[self.here]
        if isinstance(here, Mapping) and here.get("run") == run:
            try:
                return fitted(Recipe.from_text(str(here.get("recipe"))), sampler)
            except UserError:  # of a model that has changed since, another version's, or forged
                log.info("The picture last shown of run %s can't be shown any more.", run)
        return fitted(Recipe(seed=first_seed(run)), sampler)

    def note(self, values: Values, now: Now) -> Updates:
        """Remember ``now`` as a step that can be undone, if it is one."""
        story = _story(values[self.story], now.run)
        before, text = self._texts(values, now)
        if before == text:
            return {}
        past = [*story["past"], before][-MOST_STORY:]
        return {
            self.story: {"run": now.run, "past": past, "future": []},
            self.here: {"run": now.run, "recipe": text},
        }

    def go(self, visitor: Visitor, values: Values, now: Now, recipe: Recipe) -> Updates:
        """Show another picture of the same run; the way back is kept."""
        story = _story(values[self.story], now.run)
        left, here = self._texts(values, now)
        past = [*story["past"], left, *([here] if here != left else [])][-MOST_STORY:]
        return {
            self.story: {"run": now.run, "past": past, "future": []},
            **self._arrive(visitor, values, now, recipe),
        }

    def undo(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """The picture before; nothing where there is none."""
        return self._step(visitor, values, now, forward=False)

    def redo(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """The picture that was undone; nothing where there is none."""
        return self._step(visitor, values, now, forward=True)

    def _step(self, visitor: Visitor, values: Values, now: Now, *, forward: bool) -> Updates:
        story = _story(values[self.story], now.run)
        past, future = list(story["past"]), list(story["future"])
        left, here = self._texts(values, now)
        if here != left:  # a change that was not let go of yet
            past.append(left)
        if not (future if forward else past):
            return {}
        (past if forward else future).append(here)
        text = (future if forward else past).pop()
        return {
            self.story: {"run": now.run, "past": past, "future": future},
            **self._arrive(visitor, values, now, Recipe.from_text(text)),
        }

    def _texts(self, values: Values, now: Now) -> tuple[str, str]:
        """The picture that was last settled on, and the one that is shown."""
        return self.left(values, now.run, now.sampler).to_text(), now.recipe.to_text()

    def _arrive(self, visitor: Visitor, values: Values, now: Now, recipe: Recipe) -> Updates:
        there = replace(now, recipe=fitted(recipe, now.sampler))
        return {
            self.here: {"run": now.run, "recipe": there.recipe.to_text()},
            **self.arrive(visitor, values, there),
        }

    def on(self, trigger: Any, handler: Any, **options: Any) -> Any:
        """``frame.on`` for a handler that is given ``now`` as well.

        Nothing happens while none is chosen. Values come as the browser sent them: forty
        components would each cost a hop to another thread, and answer a number out of bounds with
        an error that nobody sees.
        """

        def call(visitor: Visitor, values: Values, *more: Any) -> Updates:
            if values[self.picker] is None:
                return {}
            answer: Updates = handler(visitor, values, self.now(visitor, values), *more)
            return answer

        reads = [*self.reads, *options.pop("reads", ())]
        options = {"message": self.message, "preprocess": False, **options}
        return self.frame.on(trigger, call, reads=reads, **options)


def claims(visitor: Visitor) -> Mapping[Any, Any]:
    """Run id to pass, as the browser says."""
    return visitor.shared if isinstance(visitor.shared, Mapping) else {}


def _story(value: object, run: str) -> Mapping[str, Any]:
    """The steps so far; none where they are another run's."""
    if isinstance(value, Mapping) and value.get("run") == run:
        return value
    return {"past": [], "future": []}
