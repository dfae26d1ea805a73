"""How client objects look: a line of facts for `repr`, a small table in a notebook."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._client_artifact import DataArtifact
    from ._client_flow import Flow
    from ._client_run import Run
    from ._client_step import Step
    from ._client_task import Task

_ROWS = 20
_COLOURS = {"succeeded": "#2a7", "failed": "#c33", "running": "#27c", "interrupted": "#b80"}


def moment(at: datetime | None) -> str:
    """A time to the second."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def duration(begin: datetime | None, end: datetime | None) -> str:
    """How long something took, such as ``1.2 s`` or ``3 min 20 s``; empty while it goes on."""
    if begin is None or end is None:
        return ""
    seconds = (end - begin).total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def size(count: int) -> str:
    """A number of bytes for people, such as ``1.4 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


# One line ---------------------------------------------------------------------------------------


def run_facts(run: Run) -> list[str]:
    """A run's state, when it began, how long it took."""
    return [run.state, moment(run.created_at), took(run)]


def step_facts(step: Step) -> list[str]:
    """How many tasks a step has, by state."""
    return [states(dict(step._run._record.steps()).get(step.id, {}))]


def task_facts(task: Task) -> list[str]:
    """A task's state, when it began, how long it took."""
    attempt = "" if task._attempt is None else f"attempt={task._attempt}"
    return [attempt, task.state, moment(task.created_at), took(task)]


def artifact_facts(artifact: DataArtifact) -> list[str]:
    """An artifact's type and size."""
    return [artifact.type, size(artifact.size)]


def took(thing: Run | Task) -> str:
    """How long a run or task took."""
    return duration(thing.created_at, thing.finished_at)


def states(counts: dict[str, int]) -> str:
    """Counts of tasks, such as ``3 succeeded, 1 failed``."""
    return ", ".join(f"{count} {state}" for state, count in counts.items())


# Tables -----------------------------------------------------------------------------------------


def flow(flow: Flow) -> str:
    """A flow's newest runs."""
    rows = [
        [run.id, run.state, moment(run.created_at), took(run), ", ".join(sorted(run.user_tags))]
        for run in islice(flow, _ROWS)
    ]
    return _table(flow.pathspec, ["run", "state", "started", "took", "tags"], rows)


def run(run: Run) -> str:
    """A run's steps, with the states of their tasks."""
    rows = [[step, states(counts)] for step, counts in run._record.steps() if step[0] != "_"]
    title = " · ".join([run.pathspec, *filter(None, run_facts(run))])
    return _table(title, ["step", "tasks"], rows)


def step(step: Step) -> str:
    """A step's tasks, newest first."""
    rows = [
        [task.id, task.state, "" if task.index is None else str(task.index), took(task)]
        for task in islice(step, _ROWS)
    ]
    title = " · ".join([step.pathspec, *step_facts(step)])
    return _table(title, ["task", "state", "index", "took"], rows)


def task(task: Task) -> str:
    """A task's artifacts, by name."""
    rows = [[artifact.id, artifact.type, size(artifact.size)] for artifact in islice(task, 100)]
    title = " · ".join([task.pathspec, *filter(None, task_facts(task))])
    return _table(title, ["artifact", "type", "size"], rows)


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    # Only notebooks pay for this module.
    from html import escape

    def cell(text: str) -> str:
        colour = _COLOURS.get(text)
        return f'<span style="color:{colour}">{text}</span>' if colour else escape(text)

    def row(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{cell(text)}</{tag}>" for text in cells) + "</tr>"

    body = "".join(row("td", cells) for cells in rows)
    return f"<table><caption>{escape(title)}</caption>{row('th', head)}{body}</table>"
