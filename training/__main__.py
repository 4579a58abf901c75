"""``python -m training COMMAND ...``: see ``training.cli.parser``."""

from __future__ import annotations

import sys

from training.core.threads import share_cores

if __name__ == "__main__":
    share_cores()  # before anything imports torch
    from training.cli.parser import main

    sys.exit(main())
