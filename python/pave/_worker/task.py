"""One attempt: from the runtime's order to the answer.

Owns: running the step's body; what `@catch` and `@timeout` do; storing what it left.
Must not: retry, choose successors, or judge the graph.
"""

from __future__ import annotations

import os
import sys
import time

from .. import _current, _native
from ..exceptions import (
    FailureHandledByCatch,
    MetaflowExceptionWrapper,
    MetaflowInternalError,
    TimeoutException,
    UnpicklableArtifactException,
)
from ..flowspec import STATE, Construction
from ..inputs import Inputs
from ..transition import Taken
from . import failure
from .state import FlowState, Shared, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from ..flowspec import FlowSpec
    from .channel import Channel
    from .load import Loaded


def run(channel: Channel, loaded: Loaded) -> None:
    """Runs the one task that `channel` orders, and answers."""
    order = channel.receive()["run"]
    finished = Attempt(order, loaded).run()
    # What is printed after the answer may come too late to be kept.
    wind_up()
    channel.send({"finished": finished})


class Attempt:
    """One try of a task."""

    def __init__(self, order: dict[str, Any], loaded: Loaded) -> None:
        self.order = order
        self.facts = loaded.step(order["step"])
        self.flow_class = loaded.flow
        self.parameters = [parameter.attribute for parameter in loaded.parameters]
        self.body_ms = 0

    def run(self) -> dict[str, Any]:
        """Runs the attempt and gives the protocol's `Finished`."""
        try:
            flow, state = self._build()
        except Exception as broken:
            # A constructor of the user's own may fail; everything else here is ours.
            kind = None if failure.has_user_frames(broken) else "lost"
            return self._failed(failure.describe(broken, kind), {})
        raised = self._fallback() if self.order["fallback"] else self._run_body(flow, state)
        caught = self._catch(flow, state, raised)
        entries, problem = state.persist(flow)
        if problem is not None and raised is None:
            raised = problem
            caught = self._catch(flow, state, raised)
            if caught is not None:
                entries, _ = state.persist(flow)
        unwritten = self._sync(state)
        if unwritten is not None:
            return self._failed(failure.describe(unwritten), {})
        if raised is not None and caught is None:
            return self._failed(self._describe(raised), entries)
        succeeded = {"taken": _pack(state.taken), "caught": caught}
        return self._answer({"succeeded": succeeded}, entries)

    def _failed(self, told: dict[str, Any], entries: dict[str, bytes]) -> dict[str, Any]:
        _print_error(told["traceback"] or told["message"])
        return self._answer({"failed": told}, entries)

    def _build(self) -> tuple[FlowSpec, FlowState]:
        from .._artifacts import ArtifactStore

        for name, value in self.order["environment"]:
            os.environ[name] = value
            if name == "TZ":
                time.tzset()
        Construction.mode = Construction.TASK
        flow = self.flow_class()
        shared = Shared(self.order, ArtifactStore(self.order["store"]))
        state = FlowState(shared, is_join=self.facts["inputs"] >= 1)
        flow.__dict__["name"] = self.flow_class.__name__
        flow.__dict__[STATE] = state
        _current.fill(self.order, self.parameters)
        return flow, state

    def _run_body(self, flow: FlowSpec, state: FlowState) -> BaseException | None:
        """Runs the step; gives what it raised."""
        began = time.monotonic()
        process = os.getpid()
        try:
            body: Callable[..., Any] = getattr(flow, self.order["step"])
            arguments = (self._inputs(state.shared),) if state.is_join else ()
            with _Alarm(self.order["timeout_seconds"], self.order["step"]):
                body(*arguments)
            self._check_transition(state)
        except BaseException as error:
            return error
        finally:
            self.body_ms = int((time.monotonic() - began) * 1000)
            if os.getpid() != process:
                # A process that the step has forked came back; only the first one answers.
                os._exit(1)
        return None

    def _inputs(self, shared: Shared) -> Inputs:
        given = self.order["inputs"]

        def view(at: int) -> FlowSpec:
            one = given[at]
            flow = self.flow_class.__new__(self.flow_class)
            flow.__dict__["name"] = self.flow_class.__name__
            flow.__dict__[STATE] = View(shared, one["step"], one["task"], one["manifest"])
            return flow

        return Inputs([one["step"] for one in given], view)

    def _check_transition(self, state: FlowState) -> None:
        tail = self.facts["tail"]
        if state.taken is None:
            if tail["kind"] == "none":
                state.taken = Taken([])
                return
            raise MetaflowInternalError(
                f"step `{state.step}` ended without calling self.next, "
                f"which its source does: {tail['source']}"
            )
        if tail["kind"] != "next":
            raise MetaflowInternalError(
                f"step `{state.step}` called self.next, but not as the last statement of its source"
            )
        declared = _declared(tail)
        taken = state.taken.steps
        matches = set(taken) <= set(declared) if "cases" in tail else taken == declared
        if not matches:
            raise MetaflowInternalError(
                f"step `{state.step}` went on to {', '.join(taken)}, "
                f"but its source declares {', '.join(declared)}"
            )

    def _fallback(self) -> FailureHandledByCatch:
        told = self.order["fallback"]
        return FailureHandledByCatch(told["message"])

    def _catch(
        self, flow: FlowSpec, state: FlowState, error: BaseException | None
    ) -> dict[str, Any] | None:
        """Lets `@catch` act; gives what it caught."""
        catch = next((d for d in self.facts["decorators"] if d["name"] == "catch"), None)
        if catch is None:
            return None
        variable = catch["attributes"]["var"]
        if error is None:
            if variable:
                flow.__dict__[variable] = None
            return None
        if not (self.order["is_last_attempt"] or self.order["fallback"]):
            return None
        told = self.order["fallback"] or self._describe(error)
        if catch["attributes"]["print_exception"]:
            _print_error(
                f"@catch caught in step `{state.step}`:\n{told['traceback'] or told['message']}"
            )
        if not isinstance(error, Exception):
            error = FailureHandledByCatch(told["message"])
        wrapper = MetaflowExceptionWrapper(error)
        wrapper.stacktrace = told["traceback"] or None
        for name in filter(None, (variable, "_catch_exception")):
            flow.__dict__[name] = wrapper
        state.taken = Taken(_declared(self.facts["tail"]))
        return told

    def _describe(self, error: BaseException) -> dict[str, Any]:
        if isinstance(error, SystemExit):
            told = failure.describe(error, "exited")
            told["message"] = (
                f"step `{self.order['step']}` called sys.exit({error.code!r}); "
                "a step ends by returning, or fails by raising"
            )
            return told
        return failure.describe(error)

    def _sync(self, state: FlowState) -> UnpicklableArtifactException | None:
        try:
            state.shared.store.sync()
        except Exception as error:
            reason = getattr(error, "reason", None) or f"{type(error).__name__}: {error}"
            return UnpicklableArtifactException(
                f"the artifacts of step `{state.step}` could not be written: {reason}"
            )
        return None

    def _answer(self, outcome: dict[str, Any], entries: dict[str, bytes]) -> dict[str, Any]:
        from .._artifacts import manifest_pack

        return {"outcome": outcome, "manifest": manifest_pack(entries), "body_ms": self.body_ms}


class _Alarm:
    """Interrupts the body of a step when its time is up."""

    def __init__(self, seconds: int | None, step: str) -> None:
        self.seconds = seconds
        self.step = step

    def __enter__(self) -> None:
        if self.seconds is not None:
            import signal

            self.previous = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: object) -> None:
        if self.seconds is not None:
            import signal

            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self.previous)

    def _ring(self, *_: object) -> None:
        unit = "second" if self.seconds == 1 else "seconds"
        raise TimeoutException(f"step `{self.step}` took longer than {self.seconds} {unit}")


def _declared(tail: dict[str, Any]) -> list[str]:
    targets = (
        [case["target"] for case in tail["cases"]] if "cases" in tail else tail.get("targets", [])
    )
    return [target["step"] for target in targets if "step" in target]


def _pack(taken: Taken | None) -> dict[str, Any]:
    if taken is None:
        return {"steps": [], "splits": None, "labels": []}
    return {"steps": taken.steps, "splits": taken.splits, "labels": taken.labels}


def _print_error(text: str) -> None:
    try:
        print(text.rstrip("\n"), file=sys.stderr, flush=True)
    except Exception:  # The step may have closed or replaced the stream; the descriptor is ours.
        os.write(2, text.encode("utf-8", "backslashreplace"))


def wind_up() -> None:
    """Does what an ordinary exit does: threads end, exit handlers run, what is buffered is out."""
    try:
        import atexit

        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        if "multiprocessing.util" in sys.modules:
            # Stops the pools and processes that the step has started.
            sys.modules["multiprocessing.util"]._exit_function()
    except BaseException as error:
        _print_error(failure.format_traceback(error))
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None:
                stream.flush()
        except Exception:  # A closed or broken stream has nothing left that could be kept.
            pass
    _native.flush_c_streams()


def leave(code: int = 0) -> NoReturn:
    """Ends the process after winding up, without tearing the interpreter down."""
    wind_up()
    os._exit(code)
