"""Foreachs within a branch within a foreach; objects of a class in a module beside the file."""

from luggage import Case

from pave import FlowSpec, step


class Nested(FlowSpec):
    @step
    def start(self):
        self.case = Case(7)
        self.letters = ["a", "b"]
        self.next(self.split, foreach="letters")

    @step
    def split(self):
        self.letter = self.input
        self.next(self.left, self.right)

    @step
    def left(self):
        self.numbers = list(range(11))
        self.next(self.leaf, foreach="numbers")

    @step
    def leaf(self):
        self.label = f"{self.letter}{self.input}"
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.meet)

    @step
    def right(self):
        self.next(self.meet)

    @step
    def meet(self, inputs):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Nested()
