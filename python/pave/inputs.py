"""`inputs`: what a join sees of the tasks that lead into it.

Owns: finding one of them by position or by step.
Must not: let anything be changed; each is a read-only view.
"""

from __future__ import annotations

from .exceptions import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn


class Inputs:
    """The inputs of a join, in the order of its split.

    Iterable, indexable and sliceable; `inputs.train` is the input that came by the step `train`
    (of several, the last one).
    """

    def __init__(self, steps: list[str], view: Callable[[int], Any]) -> None:
        self._steps = steps
        self._view = view
        self._views: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Any]:
        for at in range(len(self._steps)):
            yield self._at(at)

    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self._at(each) for each in range(len(self._steps))[at]]
        try:
            return self._at(range(len(self._steps))[at])
        except IndexError:
            raise IndexError(f"there are {len(self._steps)} inputs, none at {at}") from None

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for at in range(len(self._steps) - 1, -1, -1):
                if self._steps[at] == name:
                    return self._at(at)
            came = ", ".join(f"`{step}`" for step in dict.fromkeys(self._steps))
            raise AttributeError(f"no input came by the step `{name}`; they came by {came}")
        raise AttributeError(f"`inputs` has no attribute `{name}`")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *dict.fromkeys(self._steps)]

    def __repr__(self) -> str:
        return f"<inputs of {len(self._steps)} tasks>"

    def __getstate__(self) -> NoReturn:
        raise MetaflowException(
            "`inputs` can't be serialised: store the values you need, not `self` or `inputs`"
        )

    def _at(self, at: int) -> Any:
        view = self._views.get(at)
        if view is None:
            view = self._views[at] = self._view(at)
        return view
