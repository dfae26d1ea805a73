"""Runs the examples in documents: `snippets.py FILE.md...`.

A comment above a fenced block says what it is:

    <!-- file: NAME -->    the block is written to this file
    <!-- run -->           lines that begin with `$ ` are run; all others are what they print
    <!-- run: exit N -->   the same, and the last command ends with this status
    <!-- python -->        the block is run as a Python script

In what is printed, `...` on a line of its own stands for any lines and `…` for any text; colour and
spaces at the ends of lines don't count. All blocks of a document share one empty folder.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^<!-- (?P<what>file: (?P<name>\S+)|run(?:: exit (?P<status>\d+))?|python) -->\n+"
    r"^```\w*\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass
class Block:
    """A fenced block and what to do with it."""

    place: str
    what: str
    name: str | None
    status: int
    body: str


def blocks(document: Path) -> Iterator[Block]:
    """Yield the marked blocks of a document."""
    text = document.read_text()
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        what = found["what"].partition(":")[0]
        status = int(found["status"] or 0)
        yield Block(f"{document}:{line}", what, found["name"], status, found["body"])


def commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a block with the lines it should print."""
    current: tuple[str, list[str]] | None = None
    for line in body.splitlines():
        if line.startswith("$ "):
            if current:
                yield current
            current = (line[2:], [])
        elif current:
            current[1].append(line.rstrip())
    if current:
        yield current


def matches(wanted: list[str], printed: str) -> bool:
    """Tell whether a command printed what the document says."""
    while wanted and not wanted[-1]:
        wanted = wanted[:-1]
    if not wanted:
        return True
    lines = [
        r"(?:.*\n)*?" if line == "..." else r".*?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in wanted
    ]
    plain = "\n".join(line.rstrip() for line in COLOUR.sub("", printed).strip("\n").split("\n"))
    return re.fullmatch("".join(lines), plain + "\n") is not None


def run(block: Block, folder: Path, environment: dict[str, str]) -> str | None:
    """Do what a block says; return what is wrong, if anything is."""
    if block.what == "file":
        path = folder / str(block.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body)
        return None
    if block.what == "python":
        todo = [(f"{sys.executable} -c '...'", [sys.executable, "-c", block.body], [], 0)]
    else:
        lines = list(commands(block.body))
        todo = [(line, ["bash", "-c", line], wanted, 0) for line, wanted in lines]
        todo[-1] = (*todo[-1][:3], block.status)
    for shown, command, wanted, status in todo:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        if done.returncode != status:
            return f"$ {shown}\n{done.stdout}\nended with {done.returncode}, not {status}"
        if not matches(wanted, done.stdout):
            return f"$ {shown}\n{done.stdout}\nis not what the document says:\n" + "\n".join(wanted)
    return None


def main() -> int:
    """Run the examples of all documents."""
    passed = failed = 0
    binary = Path(os.environ["PAVE_BINARY"]).resolve()
    python = Path(sys.executable)
    for document in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory(prefix="pave-snippets-") as temporary:
            commands_folder, folder = Path(temporary, "bin"), Path(temporary, "work")
            commands_folder.mkdir()
            (folder / ".pave").mkdir(parents=True)
            (commands_folder / "pave").symlink_to(binary)
            path = f"{commands_folder}:{python.parent}:{os.environ['PATH']}"
            environment = os.environ | {"PATH": path, "PAVE_USER": "ada", "COLUMNS": "100"}
            for block in blocks(document):
                wrong = run(block, folder, environment)
                passed += wrong is None
                failed += wrong is not None
                if wrong is not None:
                    print(f"\n{block.place}: {wrong}", file=sys.stderr)
    print(f"{passed + failed} blocks ran, {failed} not as the documents say")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
