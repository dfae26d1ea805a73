"""A large data frame, written in one step and read in the next."""

from data import make_frame, use_frame
from engine import FlowSpec, step


class LargeFrame(FlowSpec):
    """A large data frame passed on."""

    @step
    def start(self):
        """Make it."""
        self.frame = make_frame()
        self.next(self.end)

    @step
    def end(self):
        """Read it."""
        print(use_frame(self.frame))


if __name__ == "__main__":
    LargeFrame()
