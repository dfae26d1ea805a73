"""`python -m pave` and the console command `pave`: the binary itself."""

from __future__ import annotations

import os
import sys

from .launch import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Becomes the `pave` binary, with this process's arguments.

    Flows run in this interpreter, whether or not its environment is the active one.
    """
    os.environ.setdefault("PAVE_PYTHON", sys.executable)
    execute(sys.argv[1:])


if __name__ == "__main__":
    main()
