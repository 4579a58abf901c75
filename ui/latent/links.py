"""Links that bring back a picture, in any browser, for a while. Pure.

A link carries a run, a pass and a recipe. The pass lets whoever has it steer that run's generator
until it expires; it shows no training pictures, and changes nothing. The generators that come with
the project need none.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from functools import cached_property

from training.core.home import Home
from training.core.messages import UserError
from training.latent.recipe import Recipe

PARAMETER = "picture"
VALID_DAYS = 30
TOKEN = r"[0-9a-f]{8,12}-[0-9a-f]{32}"  # seconds since 1970, and the signature
FORM = re.compile(rf"([0-9a-f]{{32}}|[a-z][a-z0-9-]{{0,30}})\.({TOKEN}|)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Link:
    """What a link says; ``Passes`` knows whether its pass is good."""

    run: str
    token: str
    recipe: Recipe

    def to_text(self) -> str:
        """What stands in the link's ``picture`` parameter."""
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


class Passes:
    """Makes and checks passes: a time and, by a key that no browser knows, its signature."""

    def __init__(self, home: Home) -> None:
        """The key is made with the first pass."""
        self.home = home

    @cached_property
    def _key(self) -> bytes:
        return self.home.secret("link-secret").encode()

    def make(self, run: str, now: float | None = None) -> str:
        """A pass to one run's generator for ``VALID_DAYS``."""
        expires = f"{int(now or time.time()) + VALID_DAYS * 24 * 3600:x}"
        return f"{expires}-{self._sign(run, expires)}"

    def allows(self, run: str, token: object, now: float | None = None) -> bool:
        """Whether ``token``, a browser's claim, is a pass to ``run`` that has not expired."""
        if not isinstance(token, str) or not re.fullmatch(TOKEN, token):
            return False
        expires, signature = token.split("-")
        if int(expires, 16) < (now or time.time()):
            return False
        return hmac.compare_digest(signature, self._sign(run, expires))

    def _sign(self, run: str, expires: str) -> str:
        said = f"steer {run} until {expires}".encode(errors="surrogatepass")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()[:32]
