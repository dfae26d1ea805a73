"""A flow with a bit of everything: parameters, a foreach, a retry, a catch, a class of its own."""

import sys

from pave import FlowSpec, Parameter, catch, current, retry, step


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


class Tour(FlowSpec):
    """Goes everywhere."""

    alpha = Parameter("alpha", default=2, help="Factor of the scores.")
    kind = "sightseeing"

    @step
    def start(self):
        print("setting off")
        self.stops = ["a", "b", "c"]
        self._secret = "hidden"
        self.next(self.visit, foreach="stops")

    @retry(times=1, minutes_between_retries=0)
    @step
    def visit(self):
        print(f"at {self.input}, try {current.retry_count}")
        print(f"noise of {self.input}", file=sys.stderr)
        self.where = self.input
        if self.input == "b" and current.retry_count == 0:
            self.lost = True
            raise ValueError("took the wrong bus")
        self.score = self.alpha * (1 + self.index)
        self.next(self.home)

    @step
    def home(self, inputs):
        self.total = sum(each.score for each in inputs)
        self.next(self.unpack)

    @catch(var="problem")
    @step
    def unpack(self):
        self.worth = 1 / 0
        self.next(self.end)

    @step
    def end(self):
        self.souvenir = Point(3, 4)
        self.model = {"weights": [1.0, 2.0]}


if __name__ == "__main__":
    Tour()
