"""`self.next`: which steps follow, decided while the step runs.

Owns: the checks that only the running step can make, and the items of a foreach.
Must not: know the graph; the runtime compares what was taken with what the source declares.
"""

from __future__ import annotations

from .exceptions import InvalidNextException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .flowspec import FlowSpec

#: Items beyond this many get no label.
MAX_LABELS = 1000
#: Characters of a label.
LABEL_LENGTH = 30

_KEYWORDS = ("foreach", "num_parallel", "condition")


class Taken:
    """The transition that a step took.

    Attributes
    ----------
    steps
        The steps that follow, in order.
    splits
        How many children a foreach or gang has.
    labels
        The items in short, while they are few.
    items
        The items of a foreach, to be stored one by one.
    artifact
        The artifact that a foreach goes over.
    """

    __slots__ = ("artifact", "items", "labels", "splits", "steps")

    def __init__(
        self,
        steps: list[str],
        splits: int | None = None,
        labels: list[str] | None = None,
        items: list[Any] | None = None,
        artifact: str = "",
    ) -> None:
        self.steps = steps
        self.splits = splits
        self.labels = labels or []
        self.items = items
        self.artifact = artifact


def take(flow: FlowSpec, targets: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Checks a call of `self.next` and notes it on the flow object's state.

    Raises
    ------
    InvalidNextException
        If the call leads nowhere.
    RuntimeError
        If a switch's value is none of its cases.
    """
    state = flow.__dict__.get("_pave")
    step = "?" if state is None else state.step
    _Call(flow, step).check_keywords(targets, keywords)
    if state is not None and state.taken is not None:
        raise InvalidNextException(f"step `{step}` calls self.next twice; call it once, at the end")
    taken = _resolve(_Call(flow, step), targets, keywords, state)
    if state is not None:
        state.taken = taken


def _resolve(call: _Call, targets: tuple[Any, ...], keywords: dict[str, Any], state: Any) -> Taken:
    if keywords.get("condition") is not None:
        return Taken([call.case(targets, keywords["condition"])])
    if len(targets) == 1 and isinstance(targets[0], dict):
        raise call.error(
            "gives a dict of steps without `condition`; name the artifact to choose by"
        )
    steps = [call.step_name(target) for target in targets]
    if keywords.get("num_parallel") is not None:
        call.check_single(steps, "num_parallel")
        return Taken(steps, call.gang_size(keywords["num_parallel"]))
    if keywords.get("foreach") is not None:
        call.check_single(steps, "foreach")
        limit = None if state is None else state.max_num_splits
        items = call.items(keywords["foreach"], limit)
        labels = [_label(item) for item in items] if len(items) <= MAX_LABELS else []
        return Taken(steps, len(items), labels, items, keywords["foreach"])
    if not steps:
        raise call.error("names no step")
    return Taken(steps)


class _Call:
    """One call of `self.next`, with the words for what is wrong with it."""

    def __init__(self, flow: FlowSpec, step: str) -> None:
        self.flow = flow
        self.step = step

    def error(self, what: str, kind: str = "wrong_transition") -> InvalidNextException:
        return InvalidNextException(f"self.next in step `{self.step}` {what}", kind)

    def check_keywords(self, targets: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        unknown = [key for key in keywords if key not in _KEYWORDS]
        if unknown:
            raise self.error(
                f"has no argument `{unknown[0]}`; it has `foreach`, `num_parallel`, `condition`"
            )
        given = [key for key in _KEYWORDS if keywords.get(key) is not None]
        if len(given) > 1:
            raise self.error(f"gives both `{given[0]}` and `{given[1]}`; only one is possible")

    def check_single(self, steps: list[str], keyword: str) -> None:
        if len(steps) != 1:
            raise self.error(f"gives `{keyword}` with {len(steps)} steps; it takes exactly one")

    def step_name(self, target: Any) -> str:
        function = getattr(target, "__func__", None)
        if function is None or getattr(target, "__self__", None) is not self.flow:
            raise self.error(
                f"names {_shown(target)}, which is no step of this flow; write self.name"
            )
        name: str = function.__name__
        if not getattr(getattr(type(self.flow), name, None), "is_step", False):
            raise self.error(f"names `{name}`, which is no step; mark it with @step")
        return name

    def case(self, targets: tuple[Any, ...], condition: Any) -> str:
        if len(targets) != 1 or not isinstance(targets[0], dict) or not targets[0]:
            raise self.error("gives `condition`, so it needs one dict from values to steps")
        if not isinstance(condition, str):
            raise self.error("gives a `condition` that is not the name of an artifact")
        cases = targets[0]
        names = {key: self.step_name(target) for key, target in cases.items()}
        if not hasattr(self.flow, condition):
            raise self.error(f"chooses by `{condition}`, which the step has not set")
        value = getattr(self.flow, condition)
        if value not in names:
            listed = ", ".join(repr(key) for key in names)
            raise RuntimeError(
                f"self.{condition} is {_shown(value)} in step `{self.step}`, "
                f"which is none of the cases: {listed}"
            )
        return names[value]

    def gang_size(self, size: Any) -> int:
        if isinstance(size, bool) or not isinstance(size, int):
            raise self.error(f"gives num_parallel={_shown(size)}; it must be a whole number")
        if size < 1:
            raise self.error(f"gives num_parallel={size}; it must be at least 1", "no_items")
        return size

    def items(self, name: Any, limit: int | None) -> list[Any]:
        if not isinstance(name, str):
            raise self.error("gives a `foreach` that is not the name of an artifact")
        if not hasattr(self.flow, name):
            raise self.error(f"goes over `{name}`, which the step has not set")
        value = getattr(self.flow, name)
        items = self._listed(name, value, limit)
        if not items:
            raise self.error(
                f"goes over `{name}`, which is empty: a foreach needs at least one item", "no_items"
            )
        return items

    def _listed(self, name: str, value: Any, limit: int | None) -> list[Any]:
        if isinstance(value, dict):
            return self._listed_dict(name, value)
        try:
            length = len(value)
        except TypeError:
            length = None
        if length is not None and limit is not None and length > limit:
            raise self._too_many(name, str(length), limit)
        try:
            iterator = iter(value)
        except TypeError:
            raise self.error(
                f"goes over `{name}`, a value of type `{type(value).__name__}`, "
                "which can't be iterated; use a list",
                "not_iterable",
            ) from None
        items = []
        for item in iterator:
            items.append(item)
            if limit is not None and len(items) > limit:
                raise self._too_many(name, f"more than {limit}", limit)
        return items

    def _listed_dict(self, name: str, value: dict[Any, Any]) -> list[Any]:
        try:
            return [value[index] for index in range(len(value))]
        except KeyError:
            raise self.error(
                f"goes over `{name}`, a dict, whose items have no position; "
                f"use list(self.{name}) for its keys or list(self.{name}.items()) for both",
                "not_iterable",
            ) from None

    def _too_many(self, name: str, count: str, limit: int) -> InvalidNextException:
        return self.error(
            f"goes over `{name}`, which makes {count} tasks; the limit is {limit}. "
            "Raise it with --max-num-splits",
            "too_many_splits",
        )


def _label(item: Any) -> str:
    is_scalar = type(item).__module__ == "numpy" and getattr(item, "shape", None) == ()
    if is_scalar or isinstance(item, (str, int, float, bool, type(None))):
        text = str(item)
    else:
        from reprlib import repr as short

        text = short(item)
    return text[:LABEL_LENGTH].encode("utf-8", "backslashreplace").decode()


def _shown(value: Any) -> str:
    from reprlib import repr as short

    return short(value)
