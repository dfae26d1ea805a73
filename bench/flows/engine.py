"""The system that the flows of this folder run on: `BENCH_ENGINE=metaflow`, or else Pave."""

import os

if os.environ.get("BENCH_ENGINE") == "metaflow":
    from metaflow import Flow, FlowSpec, namespace, step
else:
    from pave import Flow, FlowSpec, namespace, step

__all__ = ["Flow", "FlowSpec", "namespace", "step"]
