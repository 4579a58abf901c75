"""Seedling's server, from the shell.

Grow an image model from a handful of pictures, in the browser. Start it with ``python app.py``;
``python app.py --help`` lists the flags.
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
    from training.jobs.zerogpu import ZeroGpu

SWEEP_SECONDS = 600.0  # between two searches for data whose owner has not come back


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until it is stopped; gives 0, or 2 where it can't be served."""
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
    """Build the page and block until the server is stopped.

    Torch and Gradio are imported here and not above, so that a wrong flag is answered at once.

    Raises:
        UserError: this machine has no such device, or the home can't be written to.
    """
    from training.core.device import create_fabric
    from training.core.files import require_writable
    from training.jobs.manager import RunManager
    from ui.launch import launch_options
    from ui.page import Page

    for device in settings.devices:
        create_fabric(device)
    home, people = settings.home, settings.people
    require_writable(home.path)
    zerogpu = None if settings.devices else borrow()
    manager = RunManager(home, settings.devices, settings.quotas, zerogpu)
    page = Page(home, manager, settings.limits, settings.language, people)
    page.app.storage.clear_up()
    if settings.quotas.keep_hours:
        manager.repeat(SWEEP_SECONDS, page.app.storage.sweep, "sweep")
    page.blocks.launch(
        server_name=settings.host,
        server_port=settings.port,
        share=settings.share,
        **launch_options(page.app, page.people),
    )
    manager.close()


def borrow() -> ZeroGpu | None:
    """The GPU of a ZeroGPU Space, lent for one call at a time; ``None`` anywhere else."""
    from training.core.device import hide_gpu, on_zerogpu
    from training.jobs.zerogpu import ZeroGpu

    if not on_zerogpu():
        return None
    import spaces  # such a Space has it, and nobody else needs it

    hide_gpu()
    return ZeroGpu(spaces.GPU)


def refuse(problem: str) -> int:
    """Print ``problem`` to stderr; gives 2, the exit code of a command line that is wrong."""
    print(f"error: {problem}", file=sys.stderr)
    return 2


def port_is_free(host: str, port: int) -> bool:
    """Whether a server can listen there now; binds the port for a moment to find out."""
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
