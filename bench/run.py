"""Runs the benchmarks: `make bench`, or `make bench BENCH="--quick --case empty"`.

Engines take turns in each round, so that a slow minute of the machine hits all of them. Every round
of a case has a fresh store, except those that resume or read what one prepared run has left.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import report
from cases import CASES, HERE, Case, Engine

METER = HERE / "meter.py"
Costs = dict[str, float]


class Bench:
    """The engines, a folder to work in, and what was measured so far."""

    def __init__(self, engines: list[Engine], work: Path, quick: bool) -> None:
        self.engines = engines
        self.work = work
        self.quick = quick
        self.cases: dict[str, dict[str, dict]] = {}

    def measure(
        self, engine: Engine, command: list[str], folder: Path, extra: dict[str, str], memory: bool
    ) -> Costs:
        """Run one command under the meter; a command that fails unasked ends the benchmark."""
        folder.mkdir(parents=True, exist_ok=True)
        out, log = folder / "cost.json", folder / "log.txt"
        meter = [sys.executable, "-I", str(METER), str(out)] + (["--memory"] if memory else [])
        environment = engine.environment(folder) | extra
        with log.open("wb") as stream:
            subprocess.run(
                [*meter, "--", *command],
                cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=True,
            )  # fmt: skip
        costs: Costs = json.loads(out.read_text())
        text = log.read_text(errors="replace")
        if bool(costs.pop("status")) != ("BENCH_FAIL" in extra):
            sys.exit(f"{text[-4000:]}\n\nbench: unexpected end of {' '.join(command)}")
        last = text.strip().rpartition("\n")[2]
        if last.startswith("{"):
            costs["inner"] = json.loads(last)["seconds"]
        return costs

    def command(self, case: Case, engine: Engine) -> list[str]:
        """Return the words that do a case's work."""
        if engine.name in ("floor", "plain"):
            name = case.flow if engine.name == "floor" else "plain"
            if case.resumes:
                name = "resume"
            return [engine.python, str(HERE / "floor" / f"{name}.py")]
        if case.flow == "read":
            return [engine.python, str(HERE / "flows" / "read.py")]
        if engine.name == "pave run":
            binary = str(Path(engine.python).parent / "pave")
            return [binary, "run", str(HERE / "flows" / f"{case.flow}.py"), *case.options]
        return engine.flow(case.flow, "resume" if case.resumes else "run", *case.options)

    def prepare(self, case: Case, engine: Engine, folder: Path) -> None:
        """Leave the runs that a case resumes or reads; note their memory and disk use."""
        extra = {"BENCH_TASKS": str(case.tasks)}
        if engine.name == "floor":
            return
        if case.resumes:
            extra["BENCH_FAIL"] = "1"
            say(f"  {engine.name}: a run that fails in its join")
        else:
            say(f"  {engine.name}: a run to read from")
        fanout = next(other for other in CASES if other.name == "fanout")
        costs = self.measure(engine, self.command(fanout, engine), folder, extra, case.resumes)
        if case.resumes:
            self.note("fanout", engine.name, costs, folder, timed=False)

    def note(
        self, case: str, engine: str, costs: Costs, folder: Path | None, timed: bool = True
    ) -> None:
        """Keep what was measured."""
        kept = self.cases.setdefault(case, {}).setdefault(engine, {"wall": [], "cpu": []})
        if timed:
            for key in ("wall", "cpu", "inner"):
                if key in costs:
                    kept.setdefault(key, []).append(round(costs[key], 5))
        else:
            kept["peak_mib"] = round(costs["peak_mib"], 1)
            kept["runtime_mib"] = round(costs["runtime_mib"], 1)
            kept["processes"] = costs["processes"]
            if folder is not None:
                kept["disk_mib"] = round(disk_mib(folder), 2)

    def run(self, case: Case) -> None:
        """Measure one case on all engines, in turns."""
        say(f"{case.name}: {case.title}")
        engines = [e for e in self.engines if not case.on_request or e.name == "pave"]
        by_name = {engine.name: engine for engine in engines}
        if case.pave_run and "pave" in by_name:
            engines.append(replace(by_name["pave"], name="pave run"))
        if case.name in ("array", "frame"):
            engines.append(replace(engines[0], name="plain"))
        keeps_store = case.resumes or case.flow == "read"
        stores = {engine.name: self.work / f"{case.name}-{engine.name}" for engine in engines}
        if keeps_store:
            for engine in engines:
                self.prepare(case, engine, stores[engine.name])

        extra = {"BENCH_TASKS": str(case.tasks), "BENCH_MIB": "32" if self.quick else "256"}
        usual = {"plain": case.repeat.get("floor", 0), "pave run": case.repeat["pave"]}
        times = {e.name: 1 if self.quick else (case.repeat | usual)[e.name] for e in engines}
        for turn in range(max(times.values())):
            for engine in engines:
                if turn >= times[engine.name]:
                    continue
                folder = stores[engine.name]
                costs = self.measure(engine, self.command(case, engine), folder, extra, False)
                self.note(case.name, engine.name, costs, folder)
                say(f"  {engine.name:<9} {turn + 1}: {costs['wall']:8.3f} s")
                if not keeps_store:
                    shutil.rmtree(folder)
        for engine in engines:
            if not (engine.name == "metaflow" and case.name == "fanout"):
                folder = stores[engine.name]
                costs = self.measure(engine, self.command(case, engine), folder, extra, True)
                used = None if keeps_store else folder
                self.note(case.name, engine.name, costs, used, timed=False)
            shutil.rmtree(stores[engine.name], ignore_errors=True)

    def start_up(self) -> None:
        """Measure what is paid before any work."""
        say("start: import and help")
        commands = []
        for engine in self.engines:
            if engine.name == "pave":
                help_command = [str(Path(engine.python).parent / "pave"), "--help"]
                commands.append((engine, "pave --help", help_command))
            module = engine.name if engine.name != "floor" else "sys"
            commands.append((engine, f"import {module}", [engine.python, "-c", f"import {module}"]))
        for _ in range(3 if self.quick else 15):
            for engine, name, command in commands:
                folder = self.work / "start"
                self.note("start", name, self.measure(engine, command, folder, {}, False), None)


def disk_mib(folder: Path) -> float:
    """Return the space that the files below a folder take."""
    seen: dict[int, int] = {}
    for root, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(os.path.join(root, name))
            seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values()) / 2**20


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    names = ["start", *(case.name for case in CASES)]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pave", help="Python of the environment that has Pave")
    parser.add_argument("--metaflow", help="Python of the environment that has Metaflow")
    parser.add_argument("--quick", action="store_true", help="once each, smaller; no figures")
    parser.add_argument("--case", action="append", choices=names, help="only these")
    parser.add_argument("--out", type=Path, help="where the results go")
    return parser.parse_args()


def main() -> None:
    """Measure, then write the results and the tables."""
    options = arguments()
    floor = options.pave or options.metaflow
    pairs = [("floor", floor), ("pave", options.pave), ("metaflow", options.metaflow)]
    engines = [Engine(name, python) for name, python in pairs if python]
    out = options.out or (HERE.parent / "build" / "bench" if options.quick else HERE / "results")
    cache = Path(os.environ.get("PAVE_CACHE", Path.home() / ".cache" / "pave"))
    cache.mkdir(parents=True, exist_ok=True)

    with tempfile.TemporaryDirectory(dir=cache, prefix="bench-") as work:
        bench = Bench(engines, Path(work), options.quick)
        if not options.case or "start" in options.case:
            bench.start_up()
        for case in CASES:
            if case.name in options.case if options.case else not case.on_request:
                small = replace(case, tasks=min(case.tasks, 100)) if options.quick else case
                bench.run(small)
    pythons = {engine.name: engine.python for engine in engines}
    report.write(out, bench.cases, pythons, options.quick)


if __name__ == "__main__":
    main()
