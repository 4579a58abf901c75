"""The tray: pictures that were kept, and what can be made of them and taken home."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from training.core.files import write_json
from training.core.media import picture_grid, write_film, write_png
from training.core.messages import UserError, t
from training.latent.recipe import Recipe
from training.latent.walk import FPS_BOUNDS, MOST_STOPS, SECONDS_BOUNDS, frame_count, walk
from ui.common.context import Updates, Values, Visitor
from ui.common.films import SAVE
from ui.common.html import say
from ui.common.images import SIDE, columns
from ui.latent.explore import TILES_JS, script
from ui.latent.links import PARAMETER, VALID_DAYS, Link
from ui.latent.session import Desk, Now
from ui.latent.view import Tile, tiles_html

MOST_KEPT = 24
USUAL_SECONDS, USUAL_FPS = 6.0, 24
PLAYERS: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("mp4", gr.Video, {"autoplay": True, "loop": True}),
    ("gif", gr.Image, {"type": "filepath", "interactive": False}),
)
FULL_LINK = f"(code) => code && location.origin + location.pathname + '?{PARAMETER}=' + code"


class TrayPanel:
    """Kept pictures stay in the browser, by run; files are made when they are asked for."""

    def __init__(self, desk: Desk) -> None:
        """Built inside the page's context."""
        self.desk = desk
        self.kept = desk.kept
        with gr.Column(visible=False) as self.body:
            self.tiles = gr.HTML(js_on_load=script(TILES_JS))
            self._build_walk()
            self._build_files()

    def _build_walk(self) -> None:
        make = self.desk.frame.words.make
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
        make = self.desk.frame.words.make
        make(gr.HTML, {"value": lambda lang: f"<h3>{t('latent.take_home', lang)}</h3>"})
        with gr.Row(elem_classes="actions"):
            self.makers = {kind: self._button(kind) for kind in ("png", "json", "sheet")}
            self.file = self._file("latent-file")
        with gr.Row(elem_classes="actions"):
            self.link_btn = self._button("link")
        self.link = make(
            gr.Textbox,
            {
                "label": "latent.link",
                "info": lambda lang: t("latent.link_info", lang, days=VALID_DAYS),
            },
            visible=False,
            interactive=False,
            buttons=["copy"],
        )

    def _button(self, name: str) -> gr.Button:
        make = self.desk.frame.words.make
        return make(gr.Button, {"value": f"latent.{name}_btn"}, size="md", min_width=90)

    def _file(self, name: str) -> gr.DownloadButton:
        return self.desk.frame.words.make(
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
        return [self.tiles, *self.players.values(), self.film_file, self.file, self.link]

    def wire(self, keep_btn: gr.Button, panel: gr.Radio, go_outputs: list[Any]) -> None:
        """``keep_btn`` stands beside the picture; ``panel`` says which panel is open."""
        on = self.desk.on
        writes = [self.kept, self.tiles]
        on(keep_btn.click, self._keep, reads=[self.kept], writes=[*writes, panel])
        on(
            self.tiles.select,
            self._press,
            reads=[self.kept],
            writes=[*writes, *go_outputs],
            event_data=True,
        )
        for kind, button in self.films.items():
            on(
                button.click,
                self._filmer(kind),
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
        on(self.link_btn.click, self._link, writes=[self.link]).success(
            None, self.link, self.link, js=FULL_LINK
        )

    # ---- keeping

    def recipes(self, values: Values, now: Now) -> list[Recipe]:
        """The kept pictures of this run; what can't be read any more is left out."""
        shelf = values[self.kept]
        texts = shelf.get(now.run, []) if isinstance(shelf, Mapping) else []
        found = []
        for text in texts[:MOST_KEPT] if isinstance(texts, list) else []:
            try:
                recipe = Recipe.from_text(str(text))
                now.sampler.point(recipe)
            except UserError:  # of a model that has changed since, or forged
                continue
            found.append(recipe)
        return found

    def _store(
        self, visitor: Visitor, values: Values, now: Now, recipes: Sequence[Recipe]
    ) -> Updates:
        shelf = dict(values[self.kept]) if isinstance(values[self.kept], Mapping) else {}
        shelf[now.run] = [recipe.to_text() for recipe in recipes]
        return {self.kept: shelf, self.tiles: self._tiles_html(visitor, now, recipes)}

    def show(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """This run's tray; files that were made belong to another picture."""
        return {
            **self.show_tiles(visitor, values, now),
            **{player: _hidden(player) for player in self.players.values()},
            self.film_file: gr.DownloadButton(visible=False),
            self.file: gr.DownloadButton(visible=False),
            self.link: gr.Textbox(visible=False),
        }

    def show_tiles(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        """The pictures in it alone."""
        return {self.tiles: self._tiles_html(visitor, now, self.recipes(values, now))}

    def _tiles_html(self, visitor: Visitor, now: Now, recipes: Sequence[Recipe]) -> str:
        language = visitor.language
        if not recipes:
            return f'<p class="note">{t("latent.tray_empty", language)}</p>'
        with self.desk.frame.manager.gate.foreground():
            pictures = now.sampler.paint(recipes)
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

    def _keep(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        recipes = self.recipes(values, now)
        if now.recipe in recipes:
            return {}
        if len(recipes) == MOST_KEPT:
            raise UserError("latent.tray_full", most=MOST_KEPT)
        return self._store(visitor, values, now, [*recipes, now.recipe])

    def _press(
        self, visitor: Visitor, values: Values, now: Now, bar: gr.Progress, data: Any
    ) -> Updates:
        recipes, place = self.recipes(values, now), int(data.get("place", -1))
        if not 0 <= place < len(recipes):  # pressed before the page had changed
            return {self.tiles: self._tiles_html(visitor, now, recipes)}
        if data.get("action") == "remove":
            recipes.pop(place)
        elif data.get("action") == "sooner":
            recipes.insert(max(0, place - 1), recipes.pop(place))
        elif data.get("action") == "towards":
            here, other = (replace(each, other=None) for each in (now.recipe, recipes[place]))
            return self.desk.go(visitor, values, now, replace(here, other=other, share=0.5))
        else:
            return self.desk.go(visitor, values, now, recipes[place])
        return self._store(visitor, values, now, recipes)

    # ---- what is made

    def _place(self, now: Now, name: str) -> Path:
        folder = self.desk.frame.home.temp / now.run
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def _filmer(self, kind: str) -> Any:
        return lambda visitor, values, now, bar: self._film(visitor, values, now, bar, kind)

    def _film(
        self, visitor: Visitor, values: Values, now: Now, bar: gr.Progress, kind: str
    ) -> Updates:
        stops, fps = self.recipes(values, now)[:MOST_STOPS], int(values[self.fps] or 0)
        count = frame_count(float(values[self.seconds] or 0), fps)
        said = t("gan.film_making", visitor.language)

        def frames() -> Any:
            for number, frame in enumerate(walk(now.sampler, stops, count)):
                bar((number, count), desc=said)
                yield frame

        path = self._place(now, f"seedling-walk-{time.time_ns()}.{kind}")
        write_film(frames(), path, fps=fps)
        label = t("gan.film_saved", visitor.language, name=kind.upper())
        return {
            **{
                player: type(player)(value=str(path), visible=True)
                if name == kind
                else _hidden(player)
                for name, player in self.players.items()
            },
            self.film_file: gr.DownloadButton(value=str(path), label=label, visible=True),
        }

    def _made(self, path: Path, visitor: Visitor) -> Updates:
        label = t("latent.save_file", visitor.language, name=path.suffix[1:].upper())
        return {self.file: gr.DownloadButton(value=str(path), label=label, visible=True)}

    def _make_png(self, visitor: Visitor, values: Values, now: Now, bar: gr.Progress) -> Updates:
        path = self._place(now, f"seedling-{now.recipe.seed}-{time.time_ns()}.png")
        write_png(path, now.sampler.paint([now.recipe])[0].permute(1, 2, 0).numpy())
        return self._made(path, visitor)

    def _make_json(self, visitor: Visitor, values: Values, now: Now, bar: gr.Progress) -> Updates:
        """The recipe, and the point in the latent space that it leads to."""
        path = self._place(now, f"seedling-{now.recipe.seed}-{time.time_ns()}.json")
        point = now.sampler.point(now.recipe)[0]
        write_json(
            path,
            {
                "run": now.run,
                "name": now.name,
                "resolution": now.sampler.resolution,
                "space": "w" if now.sampler.space.parts else "z",
                "point": point.tolist(),
                "classes": list(now.sampler.class_names),
                "recipe": now.recipe.to_json(),
            },
        )
        return self._made(path, visitor)

    def _make_sheet(self, visitor: Visitor, values: Values, now: Now, bar: gr.Progress) -> Updates:
        recipes = self.recipes(values, now) or [now.recipe]
        scale = max(1, SIDE // now.sampler.resolution)
        pictures = now.sampler.paint(recipes)
        sheet = picture_grid(pictures, columns(len(recipes)), gap=4 * scale, scale=scale)
        path = self._place(now, f"seedling-sheet-{time.time_ns()}.png")
        write_png(path, sheet)
        return self._made(path, visitor)

    def _link(self, visitor: Visitor, values: Values, now: Now) -> Updates:
        code = Link(now.run, self.desk.token(visitor, now), now.recipe).to_text()
        return {self.link: gr.Textbox(value=code, visible=True)}


def _walk_note(language: str) -> str:
    return f'<p class="note">{say("latent.walk_note", language, most=MOST_STOPS)}</p>'


def _hidden(player: gr.Video | gr.Image) -> gr.Video | gr.Image:
    return type(player)(value=None, visible=False)
