"""Signed links to a picture.

They work in any browser for ``VALID_DAYS``. A link carries a run, a pass and a recipe. The pass
lets whoever has it steer that run's generator until it expires; it shows no training pictures, and
changes nothing. The generators that come with the project need none. Pure.
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


class ShareTokens:
    """Makes and checks passes: an expiry time, and its HMAC by a key that no browser knows.

    The key is made with the first pass. Passes are not stored, so none can be taken back.
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    @cached_property
    def _key(self) -> bytes:
        return self.home.secret("link-secret").encode()

    def make(self, run: str, now: float | None = None) -> str:
        """A pass to one run's generator, for ``VALID_DAYS`` from ``now`` (s since 1970)."""
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
