"""Decorators of steps and flows, kept as data.

Owns: the names and arguments that decorators accept, and where they are written down.
Must not: give any of them an effect; the runtime reads the data and decides.

A step decorator may sit above or below `@step`. It notes itself on the function; whether the
function is a step is known when its class is complete (`check_members`).
"""

from __future__ import annotations

from .exceptions import (
    BadFlowDecoratorException,
    BadStepDecoratorException,
    DuplicateFlowDecoratorException,
    DuplicateStepDecoratorException,
    InvalidDecoratorAttribute,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    Step = TypeVar("Step", bound=Callable[..., Any])
    Flow = TypeVar("Flow", bound=type)


class Applied:
    """One decorator on one step or flow.

    Attributes
    ----------
    name
        The decorator's name.
    attributes
        Its arguments, defaults filled in.
    given
        Names of the arguments that were written.
    is_static
        Written in the source, not added by `--with`.
    """

    __slots__ = ("attributes", "given", "is_static", "name")

    def __init__(
        self, name: str, attributes: dict[str, Any], given: tuple[str, ...], is_static: bool
    ) -> None:
        self.name = name
        self.attributes = attributes
        self.given = given
        self.is_static = is_static

    def __repr__(self) -> str:
        return f"@{self.name}({', '.join(f'{k}={v!r}' for k, v in self.attributes.items())})"


class _Decorator:
    """What step and flow decorators share: a name and the arguments with their defaults."""

    def __init__(
        self, name: str, doc: str, /, *, allow_multiple: bool = False, **defaults: Any
    ) -> None:
        self.name = name
        self.__doc__ = doc
        self.allow_multiple = allow_multiple
        self.defaults = defaults

    def __repr__(self) -> str:
        return f"<decorator @{self.name}>"

    def applied(self, given: dict[str, Any], *, is_static: bool = True) -> Applied:
        """Checks arguments and fills in defaults.

        Raises
        ------
        InvalidDecoratorAttribute
            If an argument is unknown.
        """
        unknown = [key for key in given if key not in self.defaults]
        if unknown:
            has = ", ".join(f"`{key}`" for key in self.defaults) or "none"
            raise InvalidDecoratorAttribute(
                f"@{self.name} has no argument `{unknown[0]}`; it has {has}"
            )
        return Applied(self.name, {**self.defaults, **given}, tuple(given), is_static)

    def reject_positional(self, arguments: tuple[Any, ...]) -> None:
        """Refuses positional arguments, which no decorator has."""
        if arguments:
            first = next(iter(self.defaults), None)
            hint = f"; write @{self.name}({first}={arguments[0]!r})" if first else ""
            raise InvalidDecoratorAttribute(
                f"@{self.name} takes its arguments by keyword only{hint}"
            )


class StepDecorator(_Decorator):
    """A decorator of steps: `@retry`, `@retry()` or `@retry(times=4)`."""

    def __call__(self, *arguments: Any, **given: Any) -> Any:
        if len(arguments) == 1 and not given and callable(arguments[0]):
            return self._apply(arguments[0], {})
        self.reject_positional(arguments)
        self.applied(given)
        return lambda function: self._apply(function, given)

    def _apply(self, function: Step, given: dict[str, Any]) -> Step:
        if not callable(function) or isinstance(function, type):
            raise BadStepDecoratorException(
                f"@{self.name} decorates steps; {function!r} is none. "
                "Put it above a method that is marked with @step"
            )
        applied = self.applied(given)
        # Assigning a new list keeps a function's copies (functools.wraps) apart.
        existing = getattr(function, "decorators", [])
        if not self.allow_multiple and any(other.name == self.name for other in existing):
            raise DuplicateStepDecoratorException(
                f"step `{function.__name__}` has @{self.name} twice; keep one of them"
            )
        function.decorators = [applied, *existing]  # type: ignore[attr-defined]
        return function


class FlowDecorator(_Decorator):
    """A decorator of flows: `@project(name="churn")` above the class."""

    def __call__(self, *arguments: Any, **given: Any) -> Any:
        if len(arguments) == 1 and not given and isinstance(arguments[0], type):
            return self._apply(arguments[0], {})
        self.reject_positional(arguments)
        self.applied(given)
        return lambda flow: self._apply(flow, given)

    def _apply(self, flow: Flow, given: dict[str, Any]) -> Flow:
        if not isinstance(flow, type) or not hasattr(flow, "_pave_decorators"):
            raise BadFlowDecoratorException(
                f"@{self.name} decorates flows; {flow!r} is none. "
                "Put it above a class that derives from FlowSpec"
            )
        applied = self.applied(given)
        if not self.allow_multiple:
            for other in flow_decorators(flow):
                if other.name == self.name:
                    raise DuplicateFlowDecoratorException(
                        f"flow `{flow.__name__}` has @{self.name} twice, "
                        "or inherits it; keep one of them"
                    )
        own = flow.__dict__.get("_pave_decorators", [])
        flow._pave_decorators = [applied, *own]
        return flow


def flow_decorators(flow: type) -> Iterator[Applied]:
    """Gives a flow's own decorators and those it inherits, its own first."""
    for cls in flow.__mro__:
        yield from cls.__dict__.get("_pave_decorators", [])


def check_members(flow: type) -> None:
    """Refuses step decorators on methods of `flow` that are no steps.

    Raises
    ------
    BadStepDecoratorException
        If there is one.
    """
    for name, member in flow.__dict__.items():
        applied = getattr(member, "decorators", None)
        if not applied or not isinstance(applied, list) or getattr(member, "is_step", False):
            continue
        if isinstance(applied[0], Applied):
            code = getattr(member, "__code__", None)
            raise BadStepDecoratorException(
                f"@{applied[0].name} decorates `{name}`, which is no step; mark it with @step",
                getattr(code, "co_firstlineno", None),
                getattr(code, "co_filename", None),
            )


retry = StepDecorator(
    "retry",
    "Tries a failed task again, up to `times` times.",
    times=3,
    minutes_between_retries=2,
)
catch = StepDecorator(
    "catch",
    "Goes on after a final failure, with the exception in the artifact `var`.",
    var=None,
    print_exception=True,
)
timeout = StepDecorator(
    "timeout",
    "Interrupts a step that takes longer than the sum of its arguments.",
    seconds=0,
    minutes=0,
    hours=0,
)
environment = StepDecorator(
    "environment", "Sets environment variables for a step's tasks.", vars={}
)
resources = StepDecorator(
    "resources",
    "Asks for CPUs, GPUs and memory (MB) for each of a step's tasks.",
    cpu=1,
    gpu=None,
    disk=None,
    memory=4096,
    shared_memory=None,
)
secrets = StepDecorator(
    "secrets",
    "Puts secrets into the environment of a step's tasks.",
    sources=[],
    role=None,
    allow_override=False,
)
parallel = StepDecorator("parallel", "Marks a step as one that runs as a gang.")
pytorch_parallel = StepDecorator(
    "pytorch_parallel", "A gang with the environment that PyTorch expects.", master_port=None
)
card = StepDecorator(
    "card",
    "Makes a report of each of a step's tasks.",
    allow_multiple=True,
    type="default",
    id=None,
    options={},
    scope="task",
    rank=None,
    timeout=45,
    save_errors=True,
    customize=False,
    refresh_interval=5,
)
kubernetes = StepDecorator(
    "kubernetes",
    "Runs a step's tasks on Kubernetes.",
    cpu="1",
    memory="4096",
    disk="10240",
    image=None,
    image_pull_policy=None,
    image_pull_secrets=None,
    service_account=None,
    secrets=None,
    node_selector=None,
    namespace=None,
    gpu=None,
    gpu_vendor=None,
    tolerations=None,
    labels=None,
    annotations=None,
    use_tmpfs=None,
    tmpfs_tempdir=True,
    tmpfs_size=None,
    tmpfs_path="/metaflow_temp",
    persistent_volume_claims=None,
    shared_memory=None,
    port=None,
    compute_pool=None,
    executable=None,
    hostname_resolution_timeout=600,
    qos="burstable",
    extended_resources={},
    security_context=None,
)
batch = StepDecorator(
    "batch",
    "Runs a step's tasks on AWS Batch.",
    cpu=None,
    gpu=None,
    memory=None,
    image=None,
    queue=None,
    iam_role=None,
    execution_role=None,
    shared_memory=None,
    max_swap=None,
    swappiness=None,
    inferentia=None,
    trainium=None,
    efa=None,
    host_volumes=None,
    efs_volumes=None,
    use_tmpfs=False,
    aws_batch_tags=None,
    tmpfs_tempdir=True,
    tmpfs_size=None,
    tmpfs_path="/metaflow_temp",
    ephemeral_storage=None,
    log_driver=None,
    log_options=None,
    executable=None,
    privileged=False,
)
conda = StepDecorator(
    "conda",
    "Names the conda packages of a step.",
    packages={},
    libraries={},
    python=None,
    disabled=None,
)
pypi = StepDecorator(
    "pypi", "Names the PyPI packages of a step.", packages={}, python=None, disabled=None
)

project = FlowDecorator(
    "project",
    "Puts a flow into a project, whose branches are isolated from each other.",
    name=None,
    branch=None,
    production=False,
)
schedule = FlowDecorator(
    "schedule",
    "Says when a deployed flow runs.",
    cron=None,
    weekly=False,
    daily=True,
    hourly=False,
    timezone=None,
)
trigger = FlowDecorator(
    "trigger",
    "Says which events start a deployed flow.",
    event=None,
    events=[],
    options={},
)
trigger_on_finish = FlowDecorator(
    "trigger_on_finish",
    "Starts a deployed flow when other flows have succeeded.",
    flow=None,
    flows=[],
    options={},
)
exit_hook = FlowDecorator(
    "exit_hook",
    "Names functions that run after a run.",
    allow_multiple=True,
    on_success=[],
    on_error=[],
    options={},
)
conda_base = FlowDecorator(
    "conda_base",
    "Names the conda packages of every step.",
    packages={},
    libraries={},
    python=None,
    disabled=None,
)
pypi_base = FlowDecorator(
    "pypi_base",
    "Names the PyPI packages of every step.",
    packages={},
    python=None,
    disabled=None,
)

STEP_DECORATORS: dict[str, StepDecorator] = {
    value.name: value for value in tuple(globals().values()) if isinstance(value, StepDecorator)
}
FLOW_DECORATORS: dict[str, FlowDecorator] = {
    value.name: value for value in tuple(globals().values()) if isinstance(value, FlowDecorator)
}
