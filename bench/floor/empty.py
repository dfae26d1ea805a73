"""The work of flows/empty.py: none."""


def nothing() -> None:
    """Do nothing."""


for _ in range(3):
    nothing()
