"""`python -m pave` and the console command `pave`: the binary itself."""

from __future__ import annotations

import sys

from .launch import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Becomes the `pave` binary, with this process's arguments."""
    execute(sys.argv[1:])


if __name__ == "__main__":
    main()
