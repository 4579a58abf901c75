"""The best generator of a run or its last one: whoever looks at both may choose.

A model holds the one that is in use as ``generator`` and the other one as ``other``, and its result
says which is which. So whatever opens a model, from sliders to a further training, sees the choice
without knowing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from training.core.files import write_json
from training.core.messages import UserError
from training.runs import checkpoint as checkpoints
from training.runs.checkpoint import Checkpoint, pack
from training.runs.folder import RunFolder, load_model

BEST, LAST = "best", "last"
OTHER = "other"  # of the two, in a model and in a result


def add_other(model: Checkpoint, generator: Mapping[str, Tensor]) -> Checkpoint:
    """``model`` with a second generator that is not in use."""
    return Checkpoint({**model.tensors, **pack(other=generator)}, {**model.state, "kept": BEST})


def choose_generator(folder: RunFolder, name: str) -> Mapping[str, Any]:
    """Let ``BEST`` or ``LAST`` be the run's generator; gives its result, which then is of that one.

    Raises:
        UserError: the run has no such generator, or its model can't be read.
    """
    result, model = folder.result(), load_model(folder.path)
    other = model.part(OTHER)
    if result is None or not other or not result.get(OTHER) or name not in (BEST, LAST):
        raise UserError("gan.no_choice", name=folder.info().name)
    if model.state["kept"] != name:
        tensors = {**model.tensors, **pack(generator=other, other=model.part("generator"))}
        state = {**model.state, "kept": name}
        checkpoints.save(folder.path / "model", Checkpoint(tensors, state))
    if result["kept"] != name:  # also where the last choice was cut off between the two files
        before = {key: result[key] for key in result[OTHER]}
        result = {**result, **result[OTHER], OTHER: before}
        write_json(folder.path / "result.json", result)
    return result
