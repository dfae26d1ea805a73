"""The work of flows/imports.py in one process."""

import os

import numpy
import pandas
import sklearn.ensemble

versions = [
    [numpy.__version__, pandas.__version__, sklearn.__version__]
    for _ in range(int(os.environ["BENCH_TASKS"]))
]
print(*versions[0])
