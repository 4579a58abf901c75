"""The tray of kept pictures.

They can be ordered, come back to, and taken home as films, sheets, files and links.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from training.core.files import write_json
from training.core.media import Frame, picture_grid, write_film, write_png
from training.core.messages import UserError, t
from training.latent.recipe import Recipe
from training.latent.walk import FPS_BOUNDS, MAX_STOPS, SECONDS_BOUNDS, frame_count, walk
from ui.common.context import Updates
from ui.common.films import SAVE
from ui.common.html import say
from ui.common.images import SIDE, grid_columns
from ui.common.parts import CopyField, script
from ui.common.tokens import VALID_DAYS
from ui.latent.links import PARAMETER, Link
from ui.latent.session import LatentCall, LatentSession, LatentState
from ui.latent.view import TILES_JS, Tile, tiles_html

MAX_KEPT = 24
USUAL_SECONDS, USUAL_FPS = 6.0, 24
PLAYERS: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("mp4", gr.Video, {"autoplay": True, "loop": True}),
    ("gif", gr.Image, {"type": "filepath", "interactive": False}),
)
# Only the browser knows by what address the page is reached.
FULL_LINK = f"(code) => code && location.origin + location.pathname + '?{PARAMETER}=' + code"


class TrayPanel:
    """The browser keeps recipes by run, not pictures; files are made when they are asked for."""

    def __init__(self, session: LatentSession) -> None:
        self.session = session
        self.kept = session.kept
        with gr.Column(visible=False) as self.body:
            self.tiles = gr.HTML(js_on_load=script(TILES_JS))
            self._build_walk()
            self._build_files()

    def _build_walk(self) -> None:
        make = self.session.app.i18n.make
        make(gr.HTML, {"value": lambda lang: f"<h3>{t('latent.walk', lang)}</h3>"})
        self.film_note = make(gr.HTML, {"value": _walk_note}, elem_classes="film-note")
        with gr.Row(elem_classes="latent-row"):
            self.seconds = make(
                gr.Slider,
                {"label": "latent.seconds"},
                minimum=SECONDS_BOUNDS[0],
                maximum=SECONDS_BOUNDS[1],
                value=USUAL_SECONDS,
                step=1,
                buttons=[],
                min_width=220,
            )
            self.fps = make(
                gr.Slider,
                {"label": "latent.fps"},
                minimum=FPS_BOUNDS[0],
                maximum=FPS_BOUNDS[1],
                value=USUAL_FPS,
                step=1,
                buttons=[],
                min_width=220,
            )
        with gr.Row(elem_classes="actions"):
            self.films = {kind: self._button(f"film_{kind}") for kind, _, _ in PLAYERS}
            self.film_file = self._file("latent-film")
        self.players: dict[str, gr.Video | gr.Image] = {
            kind: make(
                player,
                {"label": "latent.walk"},
                visible=False,
                show_label=False,
                buttons=[],
                height=420,
                **options,
            )
            for kind, player, options in PLAYERS
        }

    def _build_files(self) -> None:
        make = self.session.app.i18n.make
        make(gr.HTML, {"value": lambda lang: f"<h3>{t('latent.take_home', lang)}</h3>"})
        with gr.Row(elem_classes="actions"):
            self.makers = {kind: self._button(kind) for kind in ("png", "json", "sheet")}
            self.file = self._file("latent-file")
        with gr.Row(elem_classes="actions"):
            self.link_btn = self._button("link")
        texts = {
            "label": "latent.link",
            "info": lambda lang: t("latent.link_info", lang, days=VALID_DAYS),
        }
        self.link = CopyField(self.session.app, texts, visible=False)

    def _button(self, name: str) -> gr.Button:
        make = self.session.app.i18n.make
        return make(gr.Button, {"value": f"latent.{name}_btn"}, size="md", min_width=90)

    def _file(self, name: str) -> gr.DownloadButton:
        return self.session.app.i18n.make(
            gr.DownloadButton,
            {"label": "latent.save_btn"},
            visible=False,
            size="md",
            variant="primary",
            elem_classes=name,
        )

    @property
    def outputs(self) -> list[Any]:
        """All that ``show`` may change."""
        return [self.tiles, *self.players.values(), self.film_file, self.file, *self.link.outputs]

    def wire(self, keep_btn: gr.Button) -> None:
        """``keep_btn`` stands beside the picture, in another part of the page."""
        on = self.session.on
        writes = [self.kept, self.tiles]
        on(keep_btn.click, self._keep, reads=[self.kept], writes=writes)
        on(
            self.tiles.select,
            self._press,
            reads=[self.kept],
            writes=[*writes, *self.session.go_writes],
            event_data=True,
        )
        for kind, button in self.films.items():
            on(
                button.click,
                partial(self._film, kind),
                reads=[self.kept, self.seconds, self.fps],
                writes=[*self.players.values(), self.film_file],
                progress_on=self.film_note,
            ).success(None, js=SAVE % "latent-film")
        for kind, button in self.makers.items():
            on(
                button.click,
                getattr(self, f"_make_{kind}"),
                reads=[self.kept],
                writes=[self.file],
                progress_on=self.file,
            ).success(None, js=SAVE % "latent-file")
        link = self.link.field
        on(self.link_btn.click, self._link, writes=self.link.outputs).success(
            None, link, link, js=FULL_LINK
        )

    # ---- keeping

    def recipes(self, call: LatentCall) -> list[Recipe]:
        """The kept pictures of this run, ``MAX_KEPT`` at most; what can't be read is left out."""
        kept = call.values[self.kept]
        texts = kept.get(call.state.run, []) if isinstance(kept, Mapping) else []
        found = []
        for text in texts[:MAX_KEPT] if isinstance(texts, list) else []:
            try:
                recipe = Recipe.from_text(str(text))
                call.state.sampler.point(recipe)
            except UserError:  # of a model that has changed since, or forged
                continue
            found.append(recipe)
        return found

    def _store(self, call: LatentCall, recipes: Sequence[Recipe]) -> Updates:
        kept = dict(call.values[self.kept]) if isinstance(call.values[self.kept], Mapping) else {}
        kept[call.state.run] = [recipe.to_text() for recipe in recipes]
        return {self.kept: kept, self.tiles: self._tiles_html(call, recipes)}

    def show(self, call: LatentCall) -> Updates:
        """This run's tray; files made for another run or earlier pictures are hidden."""
        return {
            **self.show_tiles(call),
            **{player: _hidden(player) for player in self.players.values()},
            self.film_file: gr.DownloadButton(visible=False),
            self.file: gr.DownloadButton(visible=False),
            **self.link.hide(),
        }

    def show_tiles(self, call: LatentCall) -> Updates:
        """The tiles alone, for a change of language: files that were made stay."""
        return {self.tiles: self._tiles_html(call, self.recipes(call))}

    def _tiles_html(self, call: LatentCall, recipes: Sequence[Recipe]) -> str:
        language = call.language
        if not recipes:
            return f'<p class="note">{t("latent.tray_empty", language)}</p>'
        with self.session.app.manager.gate.foreground():
            pictures = call.state.sampler.paint(recipes)
        tiles = [
            Tile(pixels, t("latent.kept", language, number=number), recipe, str(number))
            for number, (pixels, recipe) in enumerate(zip(pictures, recipes, strict=True), 1)
        ]
        actions = (
            ("towards", "⇢", t("latent.towards", language)),
            ("sooner", "←", t("latent.sooner", language)),
            ("remove", "×", t("latent.remove", language)),
        )
        note = f'<p class="note">{t("latent.tray_note", language)}</p>'
        return note + tiles_html(tiles, actions)

    def _keep(self, call: LatentCall) -> Updates:
        recipes = self.recipes(call)
        if call.state.recipe in recipes:
            return {}
        if len(recipes) == MAX_KEPT:
            raise UserError("latent.tray_full", most=MAX_KEPT)
        return self._store(call, [*recipes, call.state.recipe])

    def _press(self, call: LatentCall) -> Updates:
        recipes, place = self.recipes(call), int(call.data.get("place", -1))
        if not 0 <= place < len(recipes):  # pressed before the page had changed
            return {self.tiles: self._tiles_html(call, recipes)}
        match call.data.get("action"):
            case "remove":
                recipes.pop(place)
            case "sooner":
                recipes.insert(max(0, place - 1), recipes.pop(place))
            case "towards":
                here = replace(call.state.recipe, other=None)
                other = replace(recipes[place], other=None)
                return self.session.go(call, replace(here, other=other, share=0.5))
            case _:
                return self.session.go(call, recipes[place])
        return self._store(call, recipes)

    # ---- what is made

    def _place(self, state: LatentState, name: str) -> Path:
        """Where a file may be written; the time in its name keeps browsers from an old one."""
        folder = self.session.app.home.temp / state.run
        folder.mkdir(parents=True, exist_ok=True)
        stem, dot, suffix = name.rpartition(".")
        return folder / f"seedling-{stem}-{time.time_ns()}{dot}{suffix}"

    def _film(self, kind: str, call: LatentCall) -> Updates:
        """A walk through the first ``MAX_STOPS`` kept pictures, as MP4 or GIF.

        Raises:
            UserError: there are too few pictures, or the length is out of bounds.
        """
        stops = self.recipes(call)[:MAX_STOPS]
        seconds, fps = float(call.values[self.seconds] or 0), int(call.values[self.fps] or 0)
        count = frame_count(seconds, fps)
        said = t("gan.film_making", call.language)

        def frames() -> Iterator[Frame]:
            for number, frame in enumerate(walk(call.state.sampler, stops, count)):
                call.progress((number, count), desc=said)
                yield frame

        path = self._place(call.state, f"walk.{kind}")
        write_film(frames(), path, fps=fps)
        label = t("gan.film_saved", call.language, name=kind.upper())
        return {
            **{
                player: type(player)(value=str(path), visible=True)
                if name == kind
                else _hidden(player)
                for name, player in self.players.items()
            },
            self.film_file: gr.DownloadButton(value=str(path), label=label, visible=True),
        }

    def _made(self, path: Path, language: str) -> Updates:
        label = t("latent.save_file", language, name=path.suffix[1:].upper())
        return {self.file: gr.DownloadButton(value=str(path), label=label, visible=True)}

    def _make_png(self, call: LatentCall) -> Updates:
        state = call.state
        path = self._place(state, f"{state.recipe.seed}.png")
        write_png(path, state.sampler.paint([state.recipe])[0].permute(1, 2, 0).numpy())
        return self._made(path, call.language)

    def _make_json(self, call: LatentCall) -> Updates:
        """The recipe, and the point in the latent space that it leads to."""
        state, sampler = call.state, call.state.sampler
        path = self._place(state, f"{state.recipe.seed}.json")
        write_json(
            path,
            {
                "run": state.run,
                "name": state.name,
                "resolution": sampler.resolution,
                "space": "w" if sampler.space.parts else "z",
                "point": sampler.point(state.recipe)[0].tolist(),
                "classes": list(sampler.class_names),
                "recipe": state.recipe.to_json(),
            },
        )
        return self._made(path, call.language)

    def _make_sheet(self, call: LatentCall) -> Updates:
        sampler, recipes = call.state.sampler, self.recipes(call) or [call.state.recipe]
        scale = max(1, SIDE // sampler.resolution)
        sheet = picture_grid(
            sampler.paint(recipes), grid_columns(len(recipes)), gap=4 * scale, scale=scale
        )
        path = self._place(call.state, "sheet.png")
        write_png(path, sheet)
        return self._made(path, call.language)

    def _link(self, call: LatentCall) -> Updates:
        code = Link(call.state.run, self.session.token(call), call.state.recipe).to_text()
        return self.link.show(code)


def _walk_note(language: str) -> str:
    return f'<p class="note">{say("latent.walk_note", language, most=MAX_STOPS)}</p>'


def _hidden(player: gr.Video | gr.Image) -> gr.Video | gr.Image:
    return type(player)(value=None, visible=False)
