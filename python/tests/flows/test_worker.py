"""The warm worker as a process: descriptors, signals, death, random numbers, order of answers."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_runtime import PATIENCE, Result, Runtime, Socket

Make = Callable[..., Runtime]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        select.select([], [], [], 0.005)


def begin(flow: Runtime, session: int) -> tuple[Socket, int, Result]:
    """Begins a task that says `ready` on its stdout when its body runs."""
    order = flow.order("start", [])
    task, pid = flow.fork(session)
    task.send({"run": order})
    result = Result(flow, order)
    out = flow.path(session, "out")
    wait_until(lambda: "ready" in out.read_text(), "the task to begin")
    return task, pid, result


#: Waits until it is told to go on, by a file.
WAIT = (
    "import os, time\nprint('ready', flush=True)\n"
    "while not os.path.exists(f'go{os.getpid()}'):\n    time.sleep(0.005)"
)


def test_a_child_holds_its_own_descriptors_and_no_others(one_step: Make) -> None:
    body = (
        "self.open = {}\nfor n in os.listdir('/proc/self/fd'):\n    link = f'/proc/self/fd/{n}'\n"
        "    if os.path.lexists(link):\n        self.open[n] = os.readlink(link)"
    )
    flow = one_step(f"{WAIT}\n{body}")
    tasks = [begin(flow, session) for session in range(3)]
    for session, (task, pid, result) in enumerate(tasks):
        (flow.folder / f"go{pid}").touch()
        flow.hear(task, result)
        assert flow.control.receive()["exited"]["status"] == 0
        found = result["open"]
        assert found["1"].endswith(f"/task{session}.out")
        assert found["2"].endswith(f"/task{session}.err")
        rest = [link for number, link in found.items() if int(number) > 2]
        assert [link for link in rest if "task" in link or link.startswith("pipe:")] == []
        # Its own task's, and no other's nor the worker's.
        assert len([link for link in rest if link.startswith("socket:")]) == 1


def test_a_child_keeps_no_other_task_waiting_for_its_end(one_step: Make) -> None:
    flow = one_step(WAIT)
    first, first_pid, _ = begin(flow, 1)
    second, second_pid, _ = begin(flow, 2)
    os.kill(first_pid, signal.SIGKILL)
    # Only if the second child holds no copy does the first one's socket end now.
    first.mine.settimeout(PATIENCE)
    assert first.mine.recv(1) == b""
    word = flow.control.receive()
    assert word == {"exited": {"session": 1, "status": signal.SIGKILL}}
    (flow.folder / f"go{second_pid}").touch()
    assert "finished" in second.receive()


def test_a_child_leads_a_group_of_its_own(one_step: Make) -> None:
    flow = one_step("import os\nself.got = (os.getpid(), os.getpgid(0), os.getpgid(os.getppid()))")
    pid, group, parents = flow.run("start")["got"]
    assert pid == group != parents


def test_tasks_run_side_by_side_and_end_in_any_order(one_step: Make) -> None:
    flow = one_step(f"{WAIT}\nself.x = 1")
    running = {session: begin(flow, session) for session in range(4)}
    for session in (2, 0, 3, 1):
        task, pid, result = running[session]
        (flow.folder / f"go{pid}").touch()
        flow.hear(task, result)
        assert result["x"] == 1
        assert flow.control.receive()["exited"]["session"] == session


def test_when_the_worker_dies_its_children_die(one_step: Make) -> None:
    flow = one_step(WAIT)
    _, pid, _ = begin(flow, 1)
    assert flow.process is not None
    flow.process.kill()
    wait_until(lambda: not is_alive(pid), "the child to die")


@pytest.mark.parametrize("how", ["stop", "close"])
def test_stop_and_a_lost_runtime_end_the_worker_with_all_below_it(one_step: Make, how: str) -> None:
    flow = one_step(
        "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid, flush=True)\n" + WAIT
    )
    _, pid, _ = begin(flow, 1)
    grandchild = int(flow.path(1, "out").read_text().split()[0])
    if how == "stop":
        flow.control.send("stop")
    else:
        flow.control.close()
    assert flow.process is not None
    assert flow.process.wait(PATIENCE) == 0
    wait_until(lambda: not is_alive(pid) and not is_alive(grandchild), "the children to die")


def test_a_fork_without_descriptors_is_refused(one_step: Make) -> None:
    flow = one_step("pass")
    flow.control.send({"fork": {"session": 9}})
    refused = flow.control.receive()["refused"]
    assert refused["session"] == 9
    assert "descriptors" in refused["reason"]
    assert flow.run("start").taken["steps"] == ["end"]


def test_a_child_whose_runtime_is_gone_ends(one_step: Make) -> None:
    flow = one_step("pass")
    task, _ = flow.fork(1)
    task.close()
    assert flow.control.receive()["exited"]["session"] == 1


def test_requests_that_arrive_in_pieces_or_at_once(one_step: Make) -> None:
    flow = one_step("pass")
    first, second = Socket(), Socket()
    null = os.open(os.devnull, os.O_RDWR)
    flow.control.send({"fork": {"session": 1}}, (first.theirs.fileno(), null, null))
    flow.control.send({"fork": {"session": 2}}, (second.theirs.fileno(), null, null))
    os.close(null)
    first.theirs.close()
    second.theirs.close()
    assert [flow.control.receive()["forked"]["session"] for _ in range(2)] == [1, 2]
    # Each socket belongs to its own session: the one that is served is the one that ends.
    second.send({"run": flow.order("start", [])})
    assert "finished" in second.receive()
    assert flow.control.receive()["exited"]["session"] == 2
    first.close()


def test_signal_handlers_of_the_file_are_the_tasks(one_step: Make) -> None:
    flow = one_step(
        "import signal\nself.got = [\n"
        "    signal.getsignal(signal.SIGINT) is signal.default_int_handler,\n"
        "    signal.getsignal(signal.SIGCHLD) is mine,\n"
        "    signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,\n"
        "    signal.set_wakeup_fd(-1) == -1]",
        above="import signal\ndef mine(*_): pass\nsignal.signal(signal.SIGCHLD, mine)",
    )
    assert flow.run("start")["got"] == [True] * 4


def test_processes_that_the_file_starts_are_not_reaped_for_it(one_step: Make) -> None:
    flow = one_step(
        "self.got = helper.poll()",
        above="import subprocess\nhelper = subprocess.Popen(['sh', '-c', 'exit 3'])",
    )
    flow.run("start")
    assert flow.run("start").status == 0


# Random numbers


def drawn(one_step: Make, above: str, body: str) -> tuple[object, object]:
    flow = one_step(f"self.x = {body}", above=above)
    return flow.run("start")["x"], flow.run("start")["x"]


@pytest.mark.parametrize(
    ("above", "body"),
    [
        ("import random", "random.random()"),
        ("import random\nrandom.random()", "random.random()"),
        ("import numpy", "float(numpy.random.random())"),
        ("import numpy\nnumpy.random.random()", "float(numpy.random.random())"),
        ("import numpy\nrng = numpy.random.default_rng()", "float(rng.random())"),
        ("import numpy\nrng = numpy.random.RandomState()", "float(rng.random())"),
    ],
)
def test_tasks_do_not_share_random_numbers(one_step: Make, above: str, body: str) -> None:
    if "numpy" in above:
        pytest.importorskip("numpy")
    first, second = drawn(one_step, above, body)
    assert first != second


@pytest.mark.parametrize(
    ("above", "body"),
    [
        ("import random\nrandom.seed(7)", "random.random()"),
        ("from random import random, seed\nseed(7)", "random()"),
        ("import numpy\nnumpy.random.seed(7)", "float(numpy.random.random())"),
        ("import numpy\nrng = numpy.random.default_rng(7)", "float(rng.random())"),
        ("import numpy\nrng = numpy.random.RandomState(7)", "float(rng.random())"),
    ],
)
def test_a_seed_in_the_file_counts_in_every_task(one_step: Make, above: str, body: str) -> None:
    if "numpy" in above:
        pytest.importorskip("numpy")
    first, second = drawn(one_step, above, body)
    assert first == second


# Speed, for people to look at


def test_what_a_trivial_task_costs(one_step: Make, capsys: pytest.CaptureFixture[str]) -> None:
    flow = one_step("import time\nself.begun = time.monotonic()")
    delays = []
    process = flow.process
    assert process is not None
    before = _cpu_of(process.pid)
    for _ in range(50):
        asked = time.monotonic()
        delays.append(flow.run("start")["begun"] - asked)
    spent = (_cpu_of(process.pid) - before) / 50
    with capsys.disabled():
        middle = sorted(delays)[25] * 1000
        print(
            f"\nfork to first line: {middle:.2f} ms; CPU per task: {spent * 1000:.2f} ms", end=" "
        )


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process and of the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
