"""How a page is launched: its looks, who may sign in, and which files stay closed."""

from __future__ import annotations

from typing import Any

from training.core.paths import ASSETS
from ui.classroom.accounts import Authenticator, People
from ui.common.context import AppContext
from ui.common.parts import script
from ui.common.theme import make_theme

# Of the home folder all but what is on its way to or from a browser.
PRIVATE = ("runs", "datasets", "collected", "downloads", "visits", "secret", "link-secret")


def launch_options(app: AppContext, people: People) -> dict[str, Any]:
    """What the ``launch`` of a page's ``blocks`` is given besides where to listen."""
    home, opens = app.home.path, Authenticator(people.passwords)
    return {
        "auth": opens if people.passwords else None,
        "max_file_size": f"{app.limits.upload_mb}mb",
        "allowed_paths": [],  # nothing but what handlers hand out
        "blocked_paths": [str(home / name) for name in PRIVATE],
        "theme": make_theme(),
        "css_paths": [str(ASSETS / "style.css")],
        "js": script("steps.js"),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,  # the teacher's tab shows what may be shown of others
        "show_error": False,
        "ssr_mode": False,
    }
