"""Turns what was measured into JSON and a table."""

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from statistics import median

from cases import CASES

ENGINES = ("floor", "pave", "metaflow")


def write(
    out: Path, cases: dict[str, dict[str, dict]], pythons: dict[str, str], quick: bool
) -> None:
    """Write results.json and results.md into a folder, and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    results = {"quick": quick, "machine": machine(), "versions": versions(pythons), "cases": cases}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = table(results)
    (out / "results.md").write_text(text)
    print(f"\n{text}\n{out}/results.md, {out}/results.json")


def table(results: dict) -> str:
    """Return the results as Markdown."""
    cases = results["cases"]
    parts = [heading(results)]
    measured = [case for case in CASES if case.name in cases]
    rows = [flow_row(case, cases[case.name]) for case in measured if not case.on_request]
    head = ["wall seconds, median", "floor", "Pave", "Metaflow", "ratio", "asked for", "CPU ratio"]
    parts.append(markdown(head, rows))
    rows = [store_row(name, cases[name]) for name in ("array", "frame") if name in cases]
    if rows:
        head = ["seconds over the floor", "Pave", "Metaflow", "ratio", "plain write, fsync, read"]
        parts.append(markdown([*head, "Pave / plain"], rows))
    rows = [memory_row(case, cases[case.name]) for case in measured]
    head = ["peak MiB of all processes · MiB on disk", "floor", "Pave", "Metaflow"]
    parts.append(markdown(head, rows))
    if "start" in cases:
        rows = [
            [name, f"{1000 * median(kept['wall']):.0f}"] for name, kept in cases["start"].items()
        ]
        parts.append(markdown(["milliseconds, median", ""], rows))
    return "\n".join(parts)


def heading(results: dict) -> str:
    """Return what the figures are of."""
    of, versions = results["machine"], results["versions"]
    return (
        f"# Benchmarks\n\n{of['when']}, commit {of['commit']}; {of['cores']} cores "
        f"({of['processor']}), {of['memory_gib']} GiB, Linux {of['kernel']}. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + ".\n\nThe floor is a bare Python that does the same work and stores nothing. Engines "
        "take turns; `results.json` has every single figure.\n"
        + ("\n**Quick: 100 tasks and 32 MiB instead, once each.**\n" if results["quick"] else "")
    )


def flow_row(case, kept: dict[str, dict]) -> list[str]:
    """Return one line of the main table."""
    pave, metaflow = kept.get("pave"), kept.get("metaflow")
    shown = [seconds(kept.get("floor")), seconds(pave), seconds(metaflow)]
    if "pave run" in kept:
        shown[1] += f" (`pave run`: {seconds(kept['pave run'])})"
    asked = f"≥ {case.target.replace('x', '×')}"
    if case.name in ("array", "frame"):
        asked = "see below"
    if case.name == "read":
        shown = [
            text + inner(kept.get(engine)) for text, engine in zip(shown, ENGINES, strict=True)
        ]
    times = ratio(metaflow, pave, "wall")
    if case.name == "read":
        # What is asked for is the reading; starting an interpreter is no part of it.
        times = f"{ratio(metaflow, pave, 'inner')} (command {times})"
    return [case.title, *shown, times, asked, ratio(metaflow, pave, "cpu")]


def store_row(name: str, kept: dict[str, dict]) -> list[str]:
    """Return what storing costs beyond the work itself."""
    floor = median(kept["floor"]["wall"])
    over = {
        engine: median(kept[engine]["wall"]) - floor
        for engine in ("pave", "metaflow")
        if engine in kept
    }
    plain = median(kept["plain"]["inner"])
    shown = [f"{over[engine]:.3f}" if engine in over else "" for engine in ("pave", "metaflow")]
    # Below a few milliseconds there is only noise to divide by.
    can_divide = over.get("pave", 0) > 0.005
    times = f"{over['metaflow'] / over['pave']:.1f}×" if can_divide and "metaflow" in over else ""
    against = f"{over['pave'] / plain:.2f}×" if can_divide else ""
    return [f"256 MiB {name}", *shown, times, f"{plain:.3f}", against]


def memory_row(case, kept: dict[str, dict]) -> list[str]:
    """Return the memory and disk of one case."""
    row = [case.title]
    for engine in ENGINES:
        of = kept.get(engine, {})
        cell = f"{of['peak_mib']:,.0f}" if of.get("peak_mib") else ""
        if "disk_mib" in of and engine != "floor":
            cell += f" · {of['disk_mib']:,.1f}"
        if of.get("runtime_mib"):
            cell += f" (runtime {of['runtime_mib']:,.0f})"
        row.append(cell)
    return row


def seconds(kept: dict | None) -> str:
    """Return a median, or nothing where nothing was measured."""
    return f"{median(kept['wall']):.3f}" if kept and kept["wall"] else ""


def inner(kept: dict | None) -> str:
    """Return the part of a median that the reading itself took."""
    return f" ({median(kept['inner']):.3f} reading)" if kept and "inner" in kept else ""


def ratio(slow: dict | None, fast: dict | None, key: str) -> str:
    """Return how many times one median is the other."""
    if not (slow and fast and slow[key] and fast[key]):
        return ""
    return f"{median(slow[key]) / median(fast[key]):.1f}×"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, columns aligned for the plain reader too."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, rule, *rows]
    ]
    return "\n".join(lines) + "\n"


def machine() -> dict:
    """Return what the figures were measured on."""
    processor = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "when": time.strftime("%Y-%m-%d"),
        "commit": commit or "unknown",
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30),
        "kernel": platform.release(),
    }


def versions(pythons: dict[str, str]) -> dict[str, str]:
    """Return the versions of everything that took part."""
    distributions = {"pave": "pave-ml", "metaflow": "metaflow"}
    found = {"Python": platform.python_version()}
    for engine, python in pythons.items():
        for distribution in [distributions.get(engine), "numpy", "pandas", "scikit-learn"]:
            if distribution:
                ask = f"import importlib.metadata as m; print(m.version({distribution!r}))"
                told = subprocess.check_output([python, "-c", ask], text=True)
                found[distribution] = told.strip()
    return found
