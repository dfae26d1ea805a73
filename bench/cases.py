"""What is measured: each case is the same work on every engine."""

from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Engine:
    """Something that can do the work."""

    name: str
    python: str

    def environment(self, work: Path) -> dict[str, str]:
        """Return the variables that its processes need, with stores below `work`."""
        binaries = str(Path(self.python).parent)
        variables = {"PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin", "HOME": str(work)}
        variables |= {"PYTHONPATH": str(HERE / "flows"), "USER": "bench", "LANG": "C.UTF-8"}
        variables |= {"BENCH_ENGINE": self.name, "PAVE_STORE": str(work / ".pave")}
        if self.name == "metaflow":
            variables |= {
                "METAFLOW_USER": "bench",
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(work),
                "METAFLOW_DEFAULT_METADATA": "local",
            }
        return variables

    def flow(self, name: str, command: str, *options: str) -> list[str]:
        """Return the words that run `command` on a flow: the same for both systems."""
        general = ["--no-pylint"] if self.name == "metaflow" else []
        return [self.python, str(HERE / "flows" / f"{name}.py"), *general, command, *options]


@dataclass(frozen=True)
class Case:
    """A piece of work, how often it is done, and what it is held to."""

    name: str
    title: str
    flow: str
    options: tuple[str, ...] = ()
    tasks: int = 0
    repeat: dict[str, int] = field(default_factory=dict)
    target: str = ""
    # Another case's run that fails in its join comes first, and is what is resumed.
    resumes: bool = False
    # Measured as `pave run` too, beside `python flow.py run`.
    pave_run: bool = False
    # Pave alone, and only when asked for by name.
    on_request: bool = False


WIDE = ("--max-workers", "2", "--max-num-splits", "1000000")
OFTEN = {"floor": 15, "pave": 15, "metaflow": 7}
SOME = {"floor": 5, "pave": 5, "metaflow": 3}
RARE = {"floor": 5, "pave": 5, "metaflow": 2}

CASES = [
    Case("empty", "three empty steps", "empty", repeat=OFTEN, target="8x", pave_run=True),
    Case(
        "fanout", "foreach of 1,000 trivial tasks, 2 workers", "fanout",
        WIDE, tasks=1000, repeat=RARE, target="60x",
    ),
    Case(
        "imports", "foreach of 20 tasks, file imports pandas and scikit-learn", "imports",
        WIDE, tasks=20, repeat=SOME, target="15x",
    ),
    Case("array", "256 MiB array to the next step", "large_array", repeat=SOME, target="10x"),
    Case("frame", "256 MiB data frame to the next step", "large_frame", repeat=SOME, target="10x"),
    Case(
        "resume", "resume 1,000 tasks after the join failed", "fanout",
        WIDE, tasks=1000, repeat=SOME, target="60x", resumes=True,
    ),
    Case(
        "read", "read one artifact of each of 1,000 tasks", "read",
        tasks=1000, repeat=SOME, target="20x",
    ),
    Case(
        "wide", "foreach of 100,000 trivial tasks", "fanout",
        WIDE, tasks=100_000, repeat={"pave": 0}, on_request=True,
    ),
]  # fmt: skip
