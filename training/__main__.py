"""``python -m training COMMAND ...``: see ``training.cli``."""

from __future__ import annotations

import sys

from training.threads import share_cores

if __name__ == "__main__":
    share_cores()  # before anything imports torch
    from training.cli import main

    sys.exit(main())
