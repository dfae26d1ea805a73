"""Many trivial tasks and their join, which fails where BENCH_FAIL is set."""

import os

from engine import FlowSpec, step


class FanOut(FlowSpec):
    """Many trivial tasks and their join."""

    @step
    def start(self):
        """Make the items."""
        self.items = list(range(int(os.environ["BENCH_TASKS"])))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        """Square one item."""
        self.square = self.input**2
        self.next(self.gather)

    @step
    def gather(self, inputs):
        """Sum the squares."""
        if os.environ.get("BENCH_FAIL"):
            raise RuntimeError("the join was asked to fail")
        self.total = sum(task.square for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        """Print the sum."""
        print(self.total)


if __name__ == "__main__":
    FanOut()
