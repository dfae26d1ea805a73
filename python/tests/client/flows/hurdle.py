"""A flow that fails in its middle until the file that HURDLE names exists."""

import os

from pave import FlowSpec, step


class Hurdle(FlowSpec):
    @step
    def start(self):
        print("running up")
        self.speed = 9
        self.next(self.jump)

    @step
    def jump(self):
        self.tried = True
        if not os.path.exists(os.environ["HURDLE"]):
            raise ValueError("too high")
        self.next(self.end)

    @step
    def end(self):
        self.done = True


if __name__ == "__main__":
    Hurdle()
