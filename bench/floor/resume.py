"""What is left to do when only the join of flows/fanout.py failed."""

import os

print(sum(item**2 for item in range(int(os.environ["BENCH_TASKS"]))))
