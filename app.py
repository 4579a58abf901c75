"""Seedling: grow an image model from a handful of pictures, in the browser.

Start it with ``python app.py``; ``python app.py --help`` lists the flags.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
from pathlib import Path

from training.home import Home, default_home
from training.limits import Limits
from training.text import LANGUAGES, UserError
from training.threads import share_cores, switch_often


def parse_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; defaults are for one person on one machine."""
    limits = Limits()
    parser = argparse.ArgumentParser(prog="app.py", description=__doc__.split("\n")[0])
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")  # hosted Spaces set it
    parser.add_argument("--host", default=host, help="0.0.0.0 lets others on the network in")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--home", type=Path, help="where runs are kept (default: ~/.seedling)")
    parser.add_argument("--device", default="", help="cpu, cuda:0, mps (default: all there are)")
    parser.add_argument("--share", action="store_true", help="make a public link through Gradio")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="at the first visit")
    parser.add_argument("--max-upload-mb", type=int, default=limits.upload_mb)
    parser.add_argument("--max-unpacked-mb", type=int, default=limits.unpacked_mb)
    parser.add_argument("--max-files", type=int, default=limits.files)
    parser.add_argument("--max-megapixels", type=int, default=limits.megapixels, help="a picture")
    parser.add_argument("--max-ratio", type=int, default=limits.ratio, help="unpacked to packed")
    return parser.parse_args(arguments)


def read_limits(flags: argparse.Namespace) -> Limits:
    """The bounds of an upload.

    Raises:
        ValueError: one of them makes no sense.
    """
    return Limits(
        upload_mb=flags.max_upload_mb,
        unpacked_mb=flags.max_unpacked_mb,
        files=flags.max_files,
        megapixels=flags.max_megapixels,
        ratio=flags.max_ratio,
    )


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


def main(arguments: list[str] | None = None) -> int:
    """Build the page and serve it until it is stopped; gives the exit code."""
    flags = parse_flags(arguments)
    home = Home(flags.home.expanduser().resolve()) if flags.home else default_home()
    try:
        limits = read_limits(flags)
    except ValueError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    if not port_is_free(flags.host, flags.port):
        print(
            f"error: {flags.host}:{flags.port} is taken or not allowed, perhaps by a Seedling that "
            f"is already running. Choose another port: python app.py --port {flags.port + 1}",
            file=sys.stderr,
        )
        return 2
    # Uploads never leave the home folder, and what an earlier server left of them goes.
    shutil.rmtree(home.temp, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = str(home.temp)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    share_cores()  # before anything imports torch
    switch_often()
    from training.device import create_fabric
    from training.runs import RunManager
    from ui.page import Page, launch_options

    try:
        if flags.device:
            create_fabric(flags.device)
    except UserError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    manager = RunManager(home, (flags.device,) if flags.device else ())
    page = Page(home, manager, limits, flags.language)
    page.blocks.launch(
        server_name=flags.host,
        server_port=flags.port,
        share=flags.share,
        max_file_size=f"{limits.upload_mb}mb",
        blocked_paths=[
            str(home.path / name) for name in ("runs", "datasets", "secret", "link-secret")
        ],
        **launch_options(),
    )
    manager.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
