"""Hands a Python process over to the `pave` binary.

Owns: finding the binary; replacing this process by it.
Must not: interpret any option; the binary does.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .flowspec import FlowSpec


def find_binary() -> str | None:
    """Finds the binary: `PAVE_BINARY`, else beside this package, else on `PATH`."""
    named = os.environ.get("PAVE_BINARY")
    if named:
        return named
    bundled = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "pave")
    if os.access(bundled, os.X_OK):
        return bundled
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        candidate = os.path.join(folder, "pave")
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            with open(candidate, "rb") as program:
                # The package's own console script leads here; following it would never end.
                if program.read(2) != b"#!":
                    return candidate
    return None


def execute(arguments: list[str]) -> NoReturn:
    """Becomes the `pave` binary, with `arguments` after its name."""
    binary = find_binary()
    if binary is None:
        sys.exit(
            "pave: the `pave` program was not found beside the package or on PATH; "
            "reinstall the package, or name the program in PAVE_BINARY"
        )
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        os.execv(binary, ["pave", *arguments])
    except OSError as error:
        sys.exit(f"pave: the program {binary} could not be started: {error.strerror}")


def hand_over(flow: type[FlowSpec]) -> NoReturn:
    """Runs the command line of the flow class `flow` of the main script."""
    name = flow.__name__
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is None:
        sys.exit(
            f"pave: flow `{name}` is not in a file; save it to one and run that, "
            f"or build the object alone with {name}(use_cli=False)"
        )
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        # Started as `python -m package.module`: relative imports need the module's name.
        os.environ["PAVE_MODULE"] = spec.name
    elif find_binary() is not None:
        from ._worker.adopt import offer

        offer(flow, os.path.abspath(file))
    interpreter = sys.executable or "python3"
    options = ["--python", interpreter, "--class", name, os.path.abspath(file)]
    execute(["flow", *options, *sys.argv[1:]])
