"""A few tasks of a file that imports what data scientists import."""

import os

import numpy
import pandas
import sklearn.ensemble
from engine import FlowSpec, step


class Imports(FlowSpec):
    """A few tasks of a file that imports a lot."""

    @step
    def start(self):
        """Make the items."""
        self.items = list(range(int(os.environ["BENCH_TASKS"])))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        """Name the versions of what was imported."""
        self.versions = [numpy.__version__, pandas.__version__, sklearn.__version__]
        self.next(self.gather)

    @step
    def gather(self, inputs):
        """See that all agree."""
        self.versions = inputs[0].versions
        assert all(task.versions == self.versions for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        """Print them."""
        print(*self.versions)


if __name__ == "__main__":
    Imports()
