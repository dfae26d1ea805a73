"""That tasks don't share random numbers, and that a seed in the flow file still counts.

Owns: the state of `random` and of numpy's global generator in a forked child.

A task must draw as if its process had imported the flow file itself. So generators that the file
seeds start from that seed in every task; the others are seeded anew from the system in each.
numpy generators that the file makes without a seed and keeps as global variables count too.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Entropy of at least this size was not typed in by anybody.
_SYSTEM_ENTROPY = 2**64


class Watch:
    """Notices whether `random.seed` is called, from here until `end`."""

    def __init__(self) -> None:
        import random

        self.was_seeded = False
        self._random = random
        self._seed = random.seed
        random.seed = self._note

    def _note(self, *arguments: Any, **keywords: Any) -> None:
        self.was_seeded = True
        self._seed(*arguments, **keywords)

    def end(self) -> None:
        """Stops looking."""
        self._random.seed = self._seed

    def state(self) -> object:
        """The state of `random` if it was seeded, else `None`."""
        return self._random.getstate() if self.was_seeded else None


class Snapshot:
    """What a child must do about random state, found out once in the parent.

    Parameters
    ----------
    state
        State of `random` that every task starts from; `None` for a new one in each.
    """

    def __init__(self, state: object) -> None:
        self._state = state
        self._numpy = self._unseeded_global()
        self._generators = list(self._unseeded_generators())

    def renew(self) -> None:
        """Gives this forked child random state of its own."""
        if self._state is not None:
            # Python reseeds after a fork; the file's own seed must win.
            import random

            random.setstate(self._state)  # type: ignore[arg-type]
        if self._numpy is not None:
            self._numpy.seed()
        for bits in self._generators:
            bits.state = type(bits)().state

    def _unseeded_global(self) -> Any:
        """numpy's `random` module, if its global generator was never seeded."""
        numpy_random = sys.modules.get("numpy.random")
        state = getattr(getattr(numpy_random, "mtrand", None), "_rand", None)
        bits = getattr(state, "_bit_generator", None)
        return numpy_random if getattr(bits, "seed_seq", None) is not None else None

    def _unseeded_generators(self) -> Iterator[Any]:
        numpy_random = sys.modules.get("numpy.random")
        kinds = (
            getattr(numpy_random, "Generator", ()),
            getattr(numpy_random, "RandomState", ()),
        )
        for value in list(vars(sys.modules["__main__"]).values()):
            if isinstance(value, kinds):
                bits = getattr(value, "bit_generator", None) or value._bit_generator
                entropy = getattr(getattr(bits, "seed_seq", None), "entropy", None)
                if isinstance(entropy, int) and entropy >= _SYSTEM_ENTROPY:
                    yield bits
