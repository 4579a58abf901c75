"""Signed links to a picture.

They work in any browser for ``VALID_DAYS``. A link carries a run, a pass and a recipe. The pass
lets whoever has it steer that run's generator until it expires; it shows no training pictures, and
changes nothing. The generators that come with the project need none. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from training.core.messages import UserError
from training.latent.recipe import Recipe
from ui.common.tokens import TOKEN

PARAMETER = "picture"
FORM = re.compile(rf"([0-9a-f]{{32}}|[a-z][a-z0-9-]{{0,30}})\.({TOKEN}|)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Link:
    """What a link claims; only ``ShareTokens`` can tell whether its pass is good.

    ``run`` is a run's id or the name of a shipped generator, whose ``token`` is empty.
    """

    run: str
    token: str
    recipe: Recipe

    def to_text(self) -> str:
        """The value of the link's query parameter ``PARAMETER``; needs no escaping."""
        return f"{self.run}.{self.token}.{self.recipe.to_text()}"

    @classmethod
    def from_text(cls, text: str) -> Link:
        """The reverse of ``to_text``.

        Raises:
            UserError: it isn't what ``to_text`` gives.
        """
        found = FORM.fullmatch(text)
        if found is None:
            raise UserError("latent.no_recipe")
        run, token, recipe = found.groups()
        return cls(run, token, Recipe.from_text(recipe))
