"""The fuzz command finds nothing in a few cases, and would find what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fuzz
from training.intake.take_in import take_in


@pytest.mark.filterwarnings("ignore")  # decoders have much to say of damaged pictures
def test_a_few_hostile_uploads_of_many() -> None:
    found = fuzz.work(150, start=7, shows=True)
    assert sum(found["outcomes"].values()) >= 150 and len(found["outcomes"]) > 4
    assert found["slowest"] < fuzz.MAX_SECONDS


def test_what_it_looks_for_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = {"picture": fuzz.pictures()["PNG"]}
    assert fuzz.check(picture, shows=True) == "kept"

    def spill(source: list[Path], folder: Path) -> object:
        (folder.parent.parent / "spilled").write_bytes(b"x")
        return take_in(source, folder)

    monkeypatch.setattr(fuzz, "take_in", spill)
    with pytest.raises(AssertionError):
        fuzz.check(picture, shows=False)
    monkeypatch.undo()
    monkeypatch.setattr("ui.data.view.html.escape", str)
    names = (f"{fuzz.EVIL[0]}/1.png", "b/1.png")
    named = {"a.zip": fuzz.zipped([(name, fuzz.pictures()["PNG"], 0) for name in names])}
    with pytest.raises(AssertionError, match="markup"):
        fuzz.check(named, shows=True)
