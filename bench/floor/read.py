"""As many small pickles as flows/read.py reads artifacts, each a file."""

import json
import os
import pickle
import time
from pathlib import Path

folder = Path("pickles")
if not folder.exists():
    folder.mkdir()
    for item in range(int(os.environ["BENCH_TASKS"])):
        (folder / str(item)).write_bytes(pickle.dumps(item**2))
began = time.perf_counter()
squares = [pickle.loads(file.read_bytes()) for file in folder.iterdir()]
print(json.dumps({"seconds": time.perf_counter() - began, "total": sum(squares)}))
