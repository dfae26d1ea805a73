"""A flow whose middle step says that it is there, and waits to be let go: both through pipes."""

import os

from pave import FlowSpec, step


class Waiting(FlowSpec):
    @step
    def start(self):
        self.before = 1
        self.next(self.hold)

    @step
    def hold(self):
        with open(os.environ["ARRIVED"], "w") as pipe:
            pipe.write("here")
        with open(os.environ["RELEASED"]) as pipe:
            pipe.read()
        self.next(self.end)

    @step
    def end(self):
        self.after = 2


if __name__ == "__main__":
    Waiting()
