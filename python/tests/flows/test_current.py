"""`current`, inside of a task and outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_runtime import Runtime

from pave import current

Make = Callable[..., Runtime]


def test_inside_of_a_task(one_step: Make) -> None:
    flow = one_step(
        "names = 'is_running_flow flow_name run_id step_name task_id pathspec retry_count '\\\n"
        "    'origin_run_id namespace username tags parameter_names is_parallel'\n"
        "self.got = {name: getattr(current, name) for name in names.split()}",
        members="p = Parameter('p')",
    )
    result = flow.run("start", attempt=2, origin_run=5, tags=["x", "user:ada"])
    assert result["got"] == {
        "is_running_flow": True,
        "flow_name": "F",
        "run_id": "7",
        "step_name": "start",
        "task_id": "1",
        "pathspec": "F/7/start/1",
        "retry_count": 2,
        "origin_run_id": "5",
        "namespace": "user:ada",
        "username": "ada",
        "tags": {"x", "user:ada"},
        "parameter_names": ["p"],
        "is_parallel": False,
    }


def test_unknown_names_and_probes(one_step: Make) -> None:
    flow = one_step(
        "self.got = ('trigger' in current, 'run_id' in current, current.get('trigger', 5),\n"
        "    current.get('step_name'), hasattr(current, 'card'))"
    )
    assert flow.run("start")["got"] == (False, True, 5, "start", False)


def test_the_project_comes_from_the_runs_tags(one_step: Make) -> None:
    flow = one_step(
        "self.got = (current.project_name, current.branch_name, current.is_user_branch,\n"
        "    current.is_production, current.project_flow_name)"
    )
    tags = ["project:churn", "project_branch:user.ada", "mine"]
    result = flow.run("start", tags=tags)
    assert result["got"] == ("churn", "user.ada", True, False, "churn.user.ada.F")


def test_a_task_of_a_gang_knows_its_place(one_step: Make) -> None:
    flow = one_step(
        "p = current.parallel\n"
        "self.got = (current.is_parallel, p.num_nodes, p.node_index, p.main_ip)"
    )
    frame = {"step": "s", "artifact": "", "index": 2, "count": 4, "label": "", "item": None}
    result = flow.run("start", gang_size=4, foreach=[frame])
    assert result["got"] == (True, 4, 2, "127.0.0.1")


def test_the_environment_is_set_before_the_step(one_step: Make) -> None:
    flow = one_step("import os, time\nself.got = (os.environ['A'], time.tzname[0])")
    result = flow.run("start", environment=[("A", "1"), ("TZ", "XYZ5")])
    assert result["got"] == ("1", "XYZ")


def test_outside_of_a_task() -> None:
    assert current.is_running_flow is False
    assert current.run_id is None
    assert current.pathspec is None
    assert current.retry_count == 0
    assert current.run is None
    assert current.tags == set()
    with pytest.raises(AttributeError, match="`project_name`"):
        _ = current.project_name
    with pytest.raises(AttributeError):
        _ = current.parameter_names
