"""The bytes of an artifact, plainly written, synchronised and read."""

import json
import os
import time
from pathlib import Path

from data import make_array

array = make_array()
data = memoryview(array).cast("B")
path = Path("plain")
began = time.perf_counter()
with path.open("wb", buffering=0) as file:
    done = 0
    while done < len(data):
        done += file.write(data[done:])
    os.fsync(file.fileno())
back = bytearray(len(data))
with path.open("rb", buffering=0) as file:
    done = 0
    while done < len(back):
        done += file.readinto(memoryview(back)[done:])
print(json.dumps({"seconds": time.perf_counter() - began}))
path.unlink()
