"""Runs one command and tells what it cost: `meter.py OUT.json [--memory] -- COMMAND...`.

Wall seconds end when the command does. CPU seconds count every process it left behind as well:
the meter adopts orphans and waits for them. Memory is sampled, and costs time; so it is asked for
in runs whose time is not used.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_SECONDS = 0.02


class Memory(threading.Thread):
    """Samples the memory of all processes below this one, shared pages counted once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_kib = 0
        self.runtime_kib = 0
        self.most_processes = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Sample until told to stop."""
        pause = SAMPLE_SECONDS
        while not self._over.wait(pause):
            began = time.perf_counter()
            below = descendants(os.getpid())
            self.peak_kib = max(self.peak_kib, sum(map(proportional_kib, below)))
            self.runtime_kib = max([self.runtime_kib, *map(runtime_kib, below)])
            self.most_processes = max(self.most_processes, len(below))
            # Looking takes time from what is looked at; a fifth of it at most.
            pause = max(SAMPLE_SECONDS, 4 * (time.perf_counter() - began))

    def stop(self) -> None:
        """Stop sampling."""
        self._over.set()
        self.join()


def descendants(root: int) -> list[int]:
    """List the processes below `root`."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def proportional_kib(pid: int) -> int:
    """Return a process's proportional set size; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def runtime_kib(pid: int) -> int:
    """Return the most memory that a process has had; 0 unless its name is `pave`."""
    try:
        with open(f"/proc/{pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
    except OSError:
        return 0
    if fields["Name"].strip() != "pave" or "VmHWM" not in fields:
        return 0
    return int(fields["VmHWM"].split()[0])


def main() -> int:
    """Run the command and write what it cost."""
    out, *rest = sys.argv[1:]
    with_memory = rest[0] == "--memory"
    command = rest[rest.index("--") + 1 :]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt orphans")

    memory = Memory()
    if with_memory:
        memory.start()
    began = time.perf_counter()
    status = subprocess.Popen(command, stdin=subprocess.DEVNULL).wait()
    wall = time.perf_counter() - began
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
    if with_memory:
        memory.stop()

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {"status": status, "wall": wall, "cpu": used.ru_utime + used.ru_stime}
    if with_memory:
        cost |= {"peak_mib": memory.peak_kib / 1024, "runtime_mib": memory.runtime_kib / 1024}
        cost["processes"] = memory.most_processes
    Path(out).write_text(json.dumps(cost))
    return 0


if __name__ == "__main__":
    sys.exit(main())
