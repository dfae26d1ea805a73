"""Reading back: flows, runs, steps, tasks and artifacts, from a script or a notebook.

Owns: nothing itself; it names what the `_client_*` modules define.

Examples
--------
>>> from pave import Flow
>>> run = Flow("Train").latest_successful_run
>>> run.data.score
0.93
>>> run["fit"].values("carrier", "score")
[('AA', 0.91), ('UA', 0.93)]
"""

from __future__ import annotations

from ._client_artifact import DataArtifact, MetaflowData
from ._client_flow import Flow, Metaflow
from ._client_objects import MetaflowObject
from ._client_run import Run
from ._client_step import Step
from ._client_task import Metadata, Task
from ._client_view import (
    default_metadata,
    default_namespace,
    get_metadata,
    get_namespace,
    metadata,
    namespace,
)

__all__ = [
    "DataArtifact",
    "Flow",
    "Metadata",
    "Metaflow",
    "MetaflowData",
    "MetaflowObject",
    "Run",
    "Step",
    "Task",
    "default_metadata",
    "default_namespace",
    "get_metadata",
    "get_namespace",
    "metadata",
    "namespace",
]
