"""A card for each class, filled from a camera, from files or by hand out of unsorted pictures.

The page's script sends pictures and changes by a short way of its own, one after another, and each
answer says what the cards hold now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.blocks import Block
from PIL import Image, ImageOps

from training.core.messages import UserError, sentences, t
from training.data.splits import MIN_PER_CLASS
from training.intake.take_in import Progress, read_picture, take_in, take_in_labelled
from training.jobs.collection import UNSORTED, Card, Collection
from training.jobs.datasets import DataSet, is_id
from ui.common.context import AppContext, Call, Updates, Visitor
from ui.common.i18n import speakable
from ui.common.images import jpeg_uri
from ui.common.parts import script
from ui.data.uploads import require_upload

SCRIPT = script("send.js", "camera.js", "cards.js")
TEMPLATE = '<div class="cards"></div>'
THUMB_SIDE = 120  # px
MAX_THUMBS = 60  # in one answer
MAX_BATCH = 40  # pictures in one call
WORDS = "card_"  # how the keys of the script's sentences begin, among those of ``data``


def _ids(data: Mapping[str, Any]) -> list[str]:
    return [each for each in _listed(data.get("pictures")) if is_id(each)]


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


CHANGES: Mapping[str, Callable[[Collection, Mapping[str, Any]], None]] = {
    "new": lambda cards, _: cards.new_card(),
    "rename": lambda cards, sent: cards.rename(sent.get("card"), sent.get("name")),
    "move": lambda cards, sent: cards.move(_ids(sent), sent.get("card")),
    "delete": lambda cards, sent: cards.delete(_ids(sent)),
    "delete_card": lambda cards, sent: cards.delete_card(sent.get("card")),
}


class ClassCards:
    """The panel of cards. Construct it where it should stand."""

    def __init__(self, app: AppContext) -> None:
        self.app = app

        def change(data: Mapping[str, Any]) -> dict[str, Any]:
            return self.change(data)  # Gradio marks what it calls, and a method can't be marked

        self.cards = gr.HTML(
            html_template=TEMPLATE, js_on_load=SCRIPT, server_functions=[change], words={}
        )

    # ---- what the script asks for

    def change(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Do what ``assets/cards.js`` asks for: ``do``, and what that needs, all of it claims.

        Gives ``cards`` as they are afterwards, ``thumbs`` where pictures were asked for, and
        ``problem``, a sentence, where something was refused.
        """
        language = speakable(data.get("language"), self.app.i18n.language)
        if not is_id(data.get("owner")):
            return {"problem": UserError("page.not_ready").text(language)}
        collection, does = Collection(self.app.home, str(data["owner"])), str(data.get("do"))
        if does == "thumbs":
            return {"thumbs": _thumbs(collection, _ids(data))}
        answer: dict[str, Any] = {}
        try:
            if does == "add":
                answer = self._add(collection, data)
            elif does in CHANGES:
                CHANGES[does](collection, data)
        except UserError as problem:
            answer = {"problem": problem.text(language)}
        return {**answer, "cards": [vars(card) for card in collection.cards()]}

    def _add(self, collection: Collection, data: Mapping[str, Any]) -> dict[str, Any]:
        """Take uploaded pictures in; ``ids`` are those they have now, "" where one was refused."""
        files = [str(path) for path in _listed(data.get("files"))[:MAX_BATCH]]
        if collection.count() + len(files) > self.app.limits.files:
            raise UserError("intake.too_many_files", limit=self.app.limits.files)
        self.app.storage.make_room(collection.folder.name, data.get("dataset"))
        language = speakable(data.get("language"), self.app.i18n.language)
        there = {key for card in collection.cards() for key in card.pictures}
        pictures: dict[str, Image.Image] = {}
        ids, refused = [], ""
        for file in files:
            # The same upload has the same id: sent again after a lost answer, it counts once.
            key = hashlib.sha256(file.encode()).hexdigest()[:32]
            ids.append(key)
            if key in there:
                continue
            path = require_upload(file, self.app.home.temp)
            try:
                pictures[key] = read_picture(path, self.app.limits)
            except UserError as problem:
                ids[-1], refused = "", problem.text(language)
        collection.add(data.get("card"), pictures)
        for file in files:
            Path(file).unlink(missing_ok=True)
        return {"ids": ids, **({"problem": refused} if refused else {})}

    # ---- what becomes of them

    def wire(
        self,
        outputs: Sequence[Block],
        arrived: Callable[[Visitor, DataSet], Updates],
        progress: Callable[[Call], Progress],
        **options: Any,
    ) -> None:
        """Connect the two ways on, each to a data set; ``options`` are those of ``app.on``."""
        ways = ((self.cards.submit, self.use), (self.cards.select, self.use_flat))
        for trigger, make in ways:
            self.app.on(
                trigger,
                partial(_make, make, arrived, progress),
                writes=outputs,
                progress_on=self.cards,
                **options,
            )

    def use(self, call: Call, progress: Progress) -> DataSet:
        """A data set of the named classes; the cards stay, so that more can be added.

        Raises:
            UserError: there are not two classes with enough pictures, or as ``take_in_labelled``.
        """
        collection = Collection(self.app.home, call.visitor.owner)
        cards = [card for card in collection.cards() if card.id != UNSORTED and card.pictures]
        if len(cards) < 2 or any(len(card.pictures) < MIN_PER_CLASS for card in cards):
            raise UserError("data.cards_too_few", least=MIN_PER_CLASS)
        labelled = [
            (collection.path(key), shown_name(card, call.language))
            for card in cards
            for key in card.pictures
        ]
        return self._store(call, partial(take_in_labelled, labelled), progress)

    def use_flat(self, call: Call, progress: Progress) -> DataSet:
        """A data set of all pictures without classes, for a generator.

        Raises:
            UserError: there are no pictures, or as ``take_in``.
        """
        collection = Collection(self.app.home, call.visitor.owner)
        files = [collection.path(key) for card in collection.cards() for key in card.pictures]
        if not files:
            raise UserError("data.no_shot")
        return self._store(call, partial(take_in, files), progress)

    def _store(self, call: Call, taker: Callable[..., Any], progress: Progress) -> DataSet:
        datasets, owner = self.app.datasets, call.visitor.owner
        self.app.storage.make_room(owner, call.visitor.dataset)
        folder, name = datasets.folder_for_new(), t("data.own_name", call.language)
        taker(folder, limits=self.app.limits, name=name, progress=progress)
        return datasets.keep(owner, folder, name)

    def sort(self, owner: str, dataset: DataSet, progress: Progress) -> None:
        """Lay the pictures of a data set without classes on the unsorted card, each once.

        Raises:
            UserError: there is no room for them.
        """
        self.app.storage.make_room(owner, dataset.id)
        collection, images = Collection(self.app.home, owner), dataset.original()
        if collection.count() + len(images) > self.app.limits.files:
            raise UserError("intake.too_many_files", limit=self.app.limits.files)
        for start in range(0, len(images), MAX_BATCH):
            rows = range(start, min(start + MAX_BATCH, len(images)))
            keys = [hashlib.sha256(f"{dataset.id} {row}".encode()).hexdigest()[:32] for row in rows]
            pictures = [Image.fromarray(images.picture(row)) for row in rows]
            collection.add(UNSORTED, dict(zip(keys, pictures, strict=True)))
            progress(rows.stop, len(images))

    # ---- what is seen

    def show(self, visitor: Visitor, fresh: str = "") -> Updates:
        """Whose cards they are; another ``fresh`` than before makes the script read them anew."""
        limits = self.app.limits
        props = {  # all of them: an update takes away what it does not name
            "words": words(visitor.language),
            "owner": visitor.owner,
            "dataset": str(visitor.dataset),
            "fresh": fresh,
            "enough": MIN_PER_CLASS,
            "limit_bytes": limits.picture_bytes,
        }
        return {self.cards: {**gr.update(), **props}}


def words(language: str) -> dict[str, str]:
    """The texts of the script, and the language that it asks for answers in."""
    start, said = f"data.{WORDS}", sentences(language).items()  # the script fills in the values
    ours = {key.removeprefix(start): text for key, text in said if key.startswith(start)}
    return {"language": language, **ours}


def shown_name(card: Card, language: str) -> str:
    """What the page calls a class, which has a name before anybody has written one."""
    return card.name or t("data.card_unnamed", language, number=card.id)


def _make(
    make: Callable[[Call, Progress], DataSet],
    arrived: Callable[[Visitor, DataSet], Updates],
    progress: Callable[[Call], Progress],
    call: Call,
) -> Updates:
    return arrived(call.visitor, make(call, progress(call)))


def _thumbs(collection: Collection, wanted: Sequence[str]) -> dict[str, str]:
    known = {key for card in collection.cards() for key in card.pictures}
    thumbs = {}
    for key in [each for each in wanted if each in known][:MAX_THUMBS]:
        try:
            with Image.open(collection.path(key)) as picture:
                small = ImageOps.fit(picture, (THUMB_SIDE, THUMB_SIDE))
        except FileNotFoundError:  # deleted in another tab, just now
            continue
        thumbs[key] = jpeg_uri(np.asarray(small))
    return thumbs
