"""Every backbone of the registry, tested alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.classifiers import Classifier
from models.frozen import freeze
from models.registry import BACKBONES, create_model, list_models, restore_model
from models.weights import WeightsUnavailable


@pytest.mark.parametrize("name", list_models())
def test_shapes_and_gradients(name: str) -> None:
    model = create_model(name, 7).train()
    x = torch.rand(2, 3, 64, 64)
    scores = model(x)
    assert scores.shape == (2, 7)
    assert torch.isfinite(scores).all()
    scores.square().sum().backward()
    missing = [n for n, w in model.named_parameters() if w.grad is None]
    assert not missing
    staged = sum(p.numel() for stage in model.stages for p in stage.parameters())
    assert staged > 0.5 * sum(p.numel() for p in model.parameters())
    assert len(model.stages) >= 3


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("head_stages", [1, 3])
def test_the_frozen_network_is_the_same_function(name: str, head_stages: int) -> None:
    model = create_model(name, 3, head_stages=head_stages).eval()
    frozen = freeze(model, torch.device("cpu"))
    x = torch.rand(2, 3, 128, 128)  # more and larger ones than it was traced with
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(frozen(x).clone(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", list_models())
def test_a_head_may_read_several_stages(name: str) -> None:
    model, plain = create_model(name, 3, head_stages=3).eval(), create_model(name, 3).eval()
    assert model.head.in_features > plain.head.in_features and not model.training
    plain.load_state_dict({**model.state_dict(), **_head_of(plain)})
    with torch.no_grad():
        x = torch.rand(2, 3, 64, 64)
        every, last = model.features(x), plain.features(x)
    assert every.shape == (2, model.head.in_features)
    signed_root = last.sign() * last.abs().sqrt()
    torch.testing.assert_close(every[:, -last.shape[1] :], signed_root)
    again = restore_model(name, 3, model.state_dict())
    assert again.head_stages == 3
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(x), model(x))


def _head_of(model: Classifier) -> dict[str, torch.Tensor]:
    return {f"head.{name}": weight for name, weight in model.head.state_dict().items()}


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match="seedling_net"):
        create_model("resnet1000", 2)


def test_no_network_says_which_weights_were_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    card = BACKBONES["resnet18"].card
    assert card is not None and not card.is_here() and 40 < card.size_mb < 50
    with pytest.raises(WeightsUnavailable) as caught:
        create_model("resnet18", 2, pretrained=True)
    assert caught.value.card == card


def test_cached_weights_are_found_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    network = torchvision.models.squeezenet1_1(weights=None)
    (tmp_path / "checkpoints").mkdir()
    torch.save(network.state_dict(), tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    card = BACKBONES["squeezenet1_1"].card
    assert card is not None and card.is_here()
    model = create_model("squeezenet1_1", 2, pretrained=True)
    assert torch.equal(model.state_dict()["stages.0.0.weight"], network.features[0].weight)


def test_a_damaged_download_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    file.write_bytes(b"<html>please log in to this network</html>")
    with pytest.raises(WeightsUnavailable):
        create_model("squeezenet1_1", 2, pretrained=True)
    assert not file.exists()
