"""Seedling: grow an image model from a handful of pictures, in the browser.

Start it with ``python app.py``; ``python app.py --help`` lists the flags.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from typing import TYPE_CHECKING

from training.core.messages import UserError
from training.core.threads import few_heaps, share_cores, switch_often
from ui.flags import Settings, read_flags

if TYPE_CHECKING:
    from training.jobs.zerogpu import Slices

SWEEP_SECONDS = 600.0  # between two looks at what nobody comes back for


def main(arguments: list[str] | None = None) -> int:
    """Build the page and serve it until it is stopped; gives the exit code."""
    try:
        settings = read_flags(arguments)
    except ValueError as problem:
        return refuse(str(problem))
    if not port_is_free(settings.host, settings.port):
        return refuse(
            f"{settings.host}:{settings.port} is taken or not allowed, perhaps by a Seedling that "
            "is already running. Choose another port: python app.py --port "
            f"{settings.port + 1}"
        )
    # Uploads never leave the home folder, and what an earlier server left of them goes.
    shutil.rmtree(settings.home.temp, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = str(settings.home.temp)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    share_cores()  # before anything imports torch
    switch_often()
    few_heaps()
    try:
        serve(settings)
    except UserError as problem:
        return refuse(str(problem))
    return 0


def serve(settings: Settings) -> None:
    """The same, once the flags are known to make sense.

    Raises:
        UserError: this machine has no such device, or the home can't be written to.
    """
    from training.core.device import create_fabric
    from training.core.files import require_writable
    from training.jobs.manager import RunManager
    from ui.page import Page

    for device in settings.devices:
        create_fabric(device)
    home, people = settings.home, settings.people
    require_writable(home.path)
    slices = None if settings.devices else borrow()
    manager = RunManager(home, settings.devices, settings.sharing, slices)
    page = Page(home, manager, settings.limits, settings.language, people)
    page.frame.keeper.clear_up()
    if settings.sharing.keep_hours:
        manager.repeat(SWEEP_SECONDS, page.frame.keeper.sweep, "sweep")
    page.blocks.launch(
        server_name=settings.host,
        server_port=settings.port,
        share=settings.share,
        **page.launch_options(),
    )
    manager.close()


def borrow() -> Slices | None:
    """A GPU for a call at a time, where this is a ZeroGPU Space."""
    from training.core.device import forgo_gpu, gpu_is_lent
    from training.jobs.zerogpu import Slices

    if not gpu_is_lent():
        return None
    import spaces  # such a Space has it, and nobody else needs it

    forgo_gpu()
    return Slices(spaces.GPU)


def refuse(problem: str) -> int:
    """Say what is wrong; gives the exit code."""
    print(f"error: {problem}", file=sys.stderr)
    return 2


def port_is_free(host: str, port: int) -> bool:
    """Whether a server can listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":  # on Windows this would allow two servers on one port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
