"""A module that a flow imports from beside its file."""


class Case:
    def __init__(self, weight):
        self.weight = weight
