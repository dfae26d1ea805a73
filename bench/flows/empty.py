"""Three steps that do nothing."""

from engine import FlowSpec, step


class Empty(FlowSpec):
    """Three steps that do nothing."""

    @step
    def start(self):
        """Do nothing."""
        self.next(self.middle)

    @step
    def middle(self):
        """Do nothing."""
        self.next(self.end)

    @step
    def end(self):
        """Do nothing."""


if __name__ == "__main__":
    Empty()
