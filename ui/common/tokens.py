"""Signed passes to one run, for ``VALID_DAYS``: whoever has one needs no account. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from functools import cached_property

from training.core.home import Home

VALID_DAYS = 30
TOKEN = r"[0-9a-f]{8,12}-[0-9a-f]{32}"  # seconds since 1970, and the signature


class ShareTokens:
    """Makes and checks passes: an expiry time, and its HMAC by a key that no browser knows.

    The key is made with the first pass. Passes are not stored, so none can be taken back. A pass
    to ``act`` on a run lets nobody do anything else with it.
    """

    def __init__(self, home: Home, act: str = "steer") -> None:
        self.home, self._act = home, act

    @cached_property
    def _key(self) -> bytes:
        return self.home.secret("link-secret").encode()

    def make(self, run: str, now: float | None = None) -> str:
        """A pass to one run, for ``VALID_DAYS`` from ``now`` (s since 1970)."""
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
        said = f"{self._act} {run} until {expires}".encode(errors="surrogatepass")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()[:32]
