"""Whose is it: a real server, and somebody who sends it whatever they like.

Anna has pictures, a generator and things in the making. Eve knows Anna's run and data set by
their ids, though nobody could guess them, and sends them to every endpoint there is, with an id of
her own. She must get nothing that is Anna's, and change nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.serving import Caller
from tests.visiting import generator_run
from training.core.home import Home, new_id
from training.intake.limits import Limits
from training.intake.take_in import take_in
from training.jobs.collection import Collection
from training.jobs.datasets import DatasetStore
from training.jobs.manager import RunManager
from training.latent.recipe import Recipe
from ui.classroom.accounts import People
from ui.common.tokens import ShareTokens
from ui.latent.links import Link
from ui.launch import launch_options
from ui.page import Page

pytestmark = pytest.mark.slow

ANNA, EVE = new_id(), new_id()
SECRETS = ("annas-cats", "annas-dogs", "annas-own", ANNA)
MALFORMED: tuple[Any, ...] = (
    *("", "..", "../../etc/passwd", "\x00", "x" * 100_000, "0" * 32, None, -1, 1e308, True),
    *([], ["x"], {}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, [[[]]]),
)


class Site(Caller):
    """A server with what Anna has there."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        rng, datasets = np.random.default_rng(0), DatasetStore(self.home)
        for number in range(40):
            pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            path = folder / "set" / ("annas-cats", "annas-dogs")[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        place = datasets.folder_for_new()
        take_in(folder / "set", place, name="annas-own")
        self.dataset = datasets.keep(ANNA, place, "annas-own.zip")
        self.run = generator_run(self.home, self.dataset.original(), "dcgan", ANNA)
        collection = Collection(self.home, ANNA)
        collection.add("1", {new_id(): Image.new("RGB", (8, 8))})
        collection.rename("1", "annas-own")
        manager = RunManager(self.home, ("cpu",))
        self.page = Page(self.home, manager, Limits(), people=People("annas-own password"))
        _, url, _ = self.page.blocks.launch(
            server_name="127.0.0.1",
            prevent_thread_lock=True,
            quiet=True,
            **launch_options(self.page.app, self.page.people),
        )
        super().__init__(url)
        self.event = {"run": self.run, "index": 0, "value": self.run, "files": []}
        ShareTokens(self.home).make(self.run)  # so that the key is there

    def close(self) -> None:
        self.client.close()
        self.page.blocks.close()
        self.page.app.manager.close()

    def claims(self, owner: str) -> dict[int, Any]:
        """What a browser would send for the states, if it were ``owner`` and saw Anna's run."""
        app, link = self.page.app, Link(self.run, "00ffffffff-" + "0" * 32, Recipe())
        here = {"run": self.run, "recipe": Recipe().to_text()}
        kept = [{**here, "id": new_id(), "name": "x"}]
        return {
            app.owner._id: owner,
            app.language._id: "en",
            app.dataset._id: self.dataset.id,
            app.run._id: self.run,
            app.shared._id: {self.run: link.token},
            app.picture._id: here,
            app.tray._id: {"kept": kept, self.run: kept},
        }

    def ask(self, endpoint: dict[str, Any], data: list[Any], session: str) -> str:
        """All that the server answers to somebody who means Anna's run."""
        return self.call(endpoint, data, session, self.event)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "home" / "temp")
    site = Site(folder)
    yield site
    site.close()
    os.environ.pop("GRADIO_TEMP_DIR")
    if before is not None:
        os.environ["GRADIO_TEMP_DIR"] = before


def state_of(home: Home) -> dict[str, str]:
    """The digest of every file of Anna's."""
    return {
        str(path.relative_to(home.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in (home.runs, home.datasets, home.collected)
        for path in folder.rglob("*")
        if path.is_file() and "directions.json" not in path.name
    }


def test_what_the_secrets_would_look_like_is_seen_by_their_owner(site: Site) -> None:
    """Else the tests below would prove nothing."""
    load = next(each for each in site.endpoints() if each["targets"][0][1] == "load")
    said = site.ask(load, filled(site, load, ANNA, None), "anna")
    assert all(secret in said for secret in ("annas-cats", "dcgan"))


def filled(site: Site, endpoint: dict[str, Any], owner: str, value: Any) -> list[Any]:
    """Claims for the states, and ``value`` or what stands there for everything else."""
    claims = site.claims(owner)
    usual = {each["id"]: each["props"].get("value") for each in site.config["components"]}
    return [
        claims.get(each, usual.get(each) if value is None else value) for each in endpoint["inputs"]
    ]


def test_nobody_gets_or_changes_anything_of_anothers(site: Site) -> None:
    before, runs = state_of(site.home), site.page.app.manager.runs(ANNA)
    for endpoint in site.endpoints():
        for value in (None, site.run, site.dataset.id):
            session = new_id()[:11]
            said = site.ask(endpoint, filled(site, endpoint, EVE, value), session)
            found = [secret for secret in SECRETS if secret in said]
            assert not found, (endpoint["id"], endpoint["targets"], value, found, said[:2000])
            assert "Traceback" not in said and str(site.home.path / "runs") not in said
    after = state_of(site.home)
    assert {name: after.get(name) for name in before} == before
    assert site.page.app.manager.runs(ANNA) == runs


def test_malformed_values_are_refused_and_harm_nobody(site: Site) -> None:
    before = state_of(site.home)
    states = [state._id for state in site.page.app.states]
    for number, value in enumerate(MALFORMED):
        for endpoint in site.endpoints()[number % 3 :: 3]:
            data = filled(site, endpoint, EVE, value)
            for place, component in enumerate(endpoint["inputs"]):
                if component in states and (place + number) % 2:  # also as states
                    data[place] = value
            said = site.ask(endpoint, data, new_id()[:11])
            assert not any(secret in said for secret in SECRETS), (endpoint["targets"], value)
            assert "Traceback" not in said
    after = state_of(site.home)
    assert {name: after.get(name) for name in before} == before


def test_the_slider_opens_nothing_without_a_pass(site: Site) -> None:
    picture = site.page.tabs["latent"].picture_panel.picture._id
    good = ShareTokens(site.home).make(site.run)
    tokens = [
        "",
        "0",
        good[:-1],
        good + "0",
        ShareTokens(site.home).make(new_id()),
        good[::-1],
        None,
    ]
    for token, opens in [(good, True), *((token, False) for token in tokens)]:
        stage = {"run": site.run, "token": token, "recipe": Recipe().to_text(), "first": 0}
        body = {
            "data": {"stage": json.dumps(stage), "moves": {"psi": 0.5}},
            "component_id": picture,
            "fn_name": "steer",
            "session_hash": "eve",
        }
        said = site.client.post("/gradio_api/component_server", json=body).text
        assert ("data:image/png" in said) == opens, token
    for name in ("__init__", "fn", "_steer", "postprocess"):
        body["fn_name"] = name
        assert site.client.post("/gradio_api/component_server", json=body).status_code >= 400


def test_files_are_served_to_nobody_by_their_path(site: Site) -> None:
    home = site.home.path
    link = site.home.temp / "link"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(home / "link-secret")
    names = [*state_of(site.home), "secret", "link-secret", "temp/../link-secret", "temp/link"]
    paths = [str(home / name) for name in names]
    paths += ["/etc/passwd", str(Path(__file__)), "app.py", "../app.py", str(home), "~"]
    for path in paths:
        for route in ("/gradio_api/file=", "/file=", "/gradio_api/file/"):
            answer = site.client.get(f"{route}{path}")
            assert answer.status_code >= 400, (path, answer.text[:200])
    link.unlink()


def test_a_file_of_anothers_can_not_be_handed_in_as_ones_own(site: Site) -> None:
    paths = [str(site.home.path / name) for name in (*state_of(site.home), "link-secret")]
    images = [each for each, kind in site.kinds.items() if kind == "image"]
    users = [each for each in site.endpoints() if set(images) & set(each["inputs"])]
    assert users
    for endpoint in users:
        for path in [*paths[:6], "/etc/passwd"]:
            sent = {"path": path, "url": f"{site.url}/gradio_api/file={path}", "orig_name": "x.png"}
            value = {**sent, "meta": {"_type": "gradio.FileData"}}
            data = filled(site, endpoint, EVE, None)
            for place, component in enumerate(endpoint["inputs"]):
                if component in images:
                    data[place] = value
            said = site.ask(endpoint, data, new_id()[:11])
            assert not any(secret in said for secret in SECRETS)
            assert "data:image/png" not in said


def test_no_endpoint_is_public_and_no_other_door_is_open(site: Site) -> None:
    info = site.client.get("/gradio_api/info").json()
    assert info == {"named_endpoints": {}, "unnamed_endpoints": {}}
    config = json.dumps(site.config)
    assert str(site.home.path / "runs") not in config
    assert not any(secret in config for secret in (*SECRETS, "annas-own password"))
    assert all(each["api_visibility"] == "private" for each in site.config["dependencies"])
    for door in ("/monitoring", "/monitoring/summary", "/gradio_api/vibe-code"):
        answer = site.client.get(door)
        assert answer.status_code >= 400, (door, answer.text[:200])
    for path in ("/gradio_api/vibe-code", "/gradio_api/vibe-edit", "/gradio_api/undo-vibe-edit"):
        body = {"code": "print('mine')", "prompt": "x", "hash": "x"}
        assert site.client.post(path, json=body).status_code >= 400, path


def test_who_listens_at_another_session_hears_nothing(site: Site) -> None:
    for session in ("anna", "", "x" * 1000, "../anna"):
        query, heard = {"session_hash": session}, ""
        with suppress(httpx.HTTPError):
            listening = site.client.stream("GET", "/gradio_api/queue/data", params=query, timeout=2)
            with listening as stream:
                for line in stream.iter_lines():
                    heard += line
        assert not any(secret in heard for secret in SECRETS)
