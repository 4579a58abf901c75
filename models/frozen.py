"""Fast inference with frozen networks."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from models.classifiers import Classifier, Features
from models.registry import create_model

log = logging.getLogger(__name__)

# Small batches stay in the processor's cache. mobilenet_v2 at 224 px on two cores, images/s with
# the frozen graph: 341 at batch 4, 207 at 8, 136 at 16, 105 at 32.
CPU_BATCH, GPU_BATCH = 4, 128
TRACE_SIDE = 64  # px


def frozen_batch(device: torch.device) -> int:
    """The batch size at which ``freeze`` is fastest on ``device``."""
    return CPU_BATCH if device.type == "cpu" else GPU_BATCH


@cache
def frozen_backbone(
    name: str, device: torch.device, head_stages: int = 1
) -> Callable[[Tensor], Tensor]:
    """The features of a pretrained backbone: (B, 3, H, W) in [0, 1] on ``device`` to (B, D).

    They are those of its last ``head_stages`` stages, as ``Classifier.read_stages`` has it.

    Kept for the life of the process, since TorchScript never gives the memory of a graph back;
    so only networks that stay as they are, one for each backbone, are worth freezing.

    Raises:
        WeightsUnavailable: the pretrained weights could not be had.
    """
    model = create_model(name, 1, pretrained=True, head_stages=head_stages)
    return freeze(Features(model), device)


def fingerprint(model: Classifier) -> str:
    """Twelve hexadecimal digits that change with any weight below the head."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        if not name.startswith("head."):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def eager_features(model: Classifier, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The features of a network as it is, in eval mode: (B, 3, H, W) in [0, 1] to (B, D)."""
    network = model.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(images: Tensor) -> Tensor:
        with torch.inference_mode():
            features: Tensor = network.features(images)
        return features

    return forward


def freeze(network: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A function equal to ``network`` in eval mode, for pictures on ``device``, without gradients.

    On a CPU, TorchScript folds every BatchNorm into the convolution before it and hands the
    convolutions to oneDNN in its own memory layout: 3x to 7x the images/s of the eager network.
    TorchScript is deprecated in favour of torch.compile, which takes 45 s to compile what this
    does in half a second; where tracing ever fails, the eager network is used.
    """
    network.eval().requires_grad_(False).to(device)
    call: Callable[[Tensor], Tensor] = network
    if device.type == "cpu":
        try:
            call = _trace(network)
        except RuntimeError as problem:
            log.warning("Tracing failed, going on with the eager network: %s", problem)

    def forward(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return call(images)

    return forward


def _trace(network: nn.Module) -> Callable[[Tensor], Tensor]:
    class Constant(nn.Module):
        """Has no layers of its own: wrapping each one for TorchScript would double the time."""

        def forward(self, images: Tensor) -> Tensor:
            result: Tensor = network(images)
            return result

    # The graph holds for any number and size of pictures, and a small one is traced sooner.
    example = torch.zeros(1, 3, TRACE_SIDE, TRACE_SIDE)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the deprecation, once per call
        traced = torch.jit.trace(Constant().eval(), example, check_trace=False)
        optimized: Callable[[Tensor], Tensor] = torch.jit.optimize_for_inference(
            torch.jit.freeze(traced)
        )
    return optimized
