"""A large array, written in one step and read in the next."""

from data import make_array, use_array
from engine import FlowSpec, step


class LargeArray(FlowSpec):
    """A large array passed on."""

    @step
    def start(self):
        """Make it."""
        self.array = make_array()
        self.next(self.end)

    @step
    def end(self):
        """Read it."""
        print(use_array(self.array))


if __name__ == "__main__":
    LargeArray()
