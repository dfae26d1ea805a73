"""`current`: what a step may know of the task it runs in.

Owns: the names of `current`'s attributes and their values outside of a task.
Must not: look anything up; the task fills it in (`fill`).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Parallel:
    """A task's place in its gang.

    Attributes
    ----------
    main_ip
        Address of the first task.
    num_nodes, node_index
        How many tasks there are; which one this is.
    control_task_id
        Id of the first task.
    """

    def __init__(self, main_ip: str, num_nodes: int, node_index: int) -> None:
        self.main_ip = main_ip
        self.num_nodes = num_nodes
        self.node_index = node_index
        self.control_task_id: str | None = None


class Current:
    """What a step may know of the task it runs in; mostly `None` outside of one."""

    def __init__(self) -> None:
        self._task: dict[str, Any] | None = None
        self._names: dict[str, Any] = {}

    @property
    def is_running_flow(self) -> bool:
        """Whether a task is running."""
        return self._task is not None

    @property
    def flow_name(self) -> str | None:
        """The flow's name."""
        return self._text("flow")

    @property
    def run_id(self) -> str | None:
        """The run's number, as text."""
        return self._text("run")

    @property
    def step_name(self) -> str | None:
        """The step's name."""
        return self._text("step")

    @property
    def task_id(self) -> str | None:
        """The task's number, as text."""
        return self._text("task")

    @property
    def pathspec(self) -> str | None:
        """The task's path: `Flow/run/step/task`."""
        if self._task is None:
            return None
        return f"{self.flow_name}/{self.run_id}/{self.step_name}/{self.task_id}"

    @property
    def retry_count(self) -> int:
        """The attempt, from 0."""
        return self._fact("attempt") or 0

    @property
    def origin_run_id(self) -> str | None:
        """The run that this one resumes."""
        return self._text("origin_run")

    @property
    def namespace(self) -> str | None:
        """The active namespace; `None` for the global one."""
        if self._task is None:
            from .client import get_namespace

            return get_namespace()
        return self._text("namespace")

    @property
    def username(self) -> str | None:
        """The user."""
        return self._text("user")

    @property
    def tags(self) -> set[str]:
        """The run's tags."""
        return set(self._fact("tags") or ())

    @property
    def tempdir(self) -> str:
        """Folder for temporary files."""
        return os.environ.get("METAFLOW_TEMPDIR", ".")

    @property
    def run(self) -> Any:
        """The run as the client shows it."""
        if self._task is None:
            return None
        from .client import Run

        return Run(f"{self.flow_name}/{self.run_id}", _namespace_check=False)

    @property
    def task(self) -> Any:
        """The task as the client shows it."""
        path = self.pathspec
        if path is None:
            return None
        from .client import Task

        return Task(path, _namespace_check=False)

    @property
    def is_parallel(self) -> bool:
        """Whether the task is one of a gang."""
        return "parallel" in self._names

    def get(self, key: str, default: Any = None) -> Any:
        """Gives the attribute `key`, or `default` where there is none."""
        return getattr(self, key, default)

    def __contains__(self, key: str) -> bool:
        return getattr(self, key, None) is not None

    def __iter__(self) -> Iterator[str]:
        yield from self._names

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._names:
            return self._names[name]
        raise AttributeError(f"`current` has no attribute `{name}` here", name=name, obj=self)

    def _fact(self, key: str) -> Any:
        return None if self._task is None else self._task[key]

    def _text(self, key: str) -> str | None:
        value = self._fact(key)
        # Empty text stands for nothing in what the runtime sends.
        return None if value is None or value == "" else str(value)


def fill(task: dict[str, Any], parameter_names: list[str]) -> None:
    """Makes `current` speak of `task`, a task's order as the runtime sent it."""
    names: dict[str, Any] = {"parameter_names": parameter_names, **_project(task)}
    if task["gang_size"]:
        index = task["foreach"][-1]["index"] if task["foreach"] else 0
        names["parallel"] = Parallel("127.0.0.1", task["gang_size"], index)
    current._task = task
    current._names = names


def _project(task: dict[str, Any]) -> dict[str, Any]:
    """Reads the project of a run from its system tags."""
    tags = dict(tag.split(":", 1) for tag in task["tags"] if tag.startswith("project"))
    if "project" not in tags:
        return {}
    branch = tags.get("project_branch", "")
    return {
        "project_name": tags["project"],
        "branch_name": branch,
        "is_user_branch": branch.startswith("user."),
        "is_production": branch == "prod" or branch.startswith("prod."),
        "project_flow_name": f"{tags['project']}.{branch}.{task['flow']}",
    }


#: The one instance.
current = Current()
