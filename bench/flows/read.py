"""One artifact of each task of the newest finished FanOut, through the client."""

import json
import time

from engine import Flow, namespace

namespace(None)
began = time.perf_counter()
run = Flow("FanOut").latest_successful_run
squares = [task.data.square for task in run["work"]]
print(json.dumps({"seconds": time.perf_counter() - began, "total": sum(squares)}))
