"""`merge_artifacts`: what a join takes over from its inputs.

Owns: the rules of merging. Two values are equal if their content hashes are; nothing is decoded.
"""

from __future__ import annotations

from .exceptions import (
    MergeMisused,
    MissingInMergeArtifactsException,
    UnhandledInMergeArtifactsException,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .flowspec import FlowSpec


def merge_artifacts(
    flow: FlowSpec, inputs: Iterable[Any], exclude: list[str], include: list[str]
) -> None:
    """Takes over artifacts from `inputs`; `FlowSpec.merge_artifacts` has the contract."""
    state = flow.__dict__.get("_pave")
    if state is None or not state.is_join:
        raise MergeMisused("merge_artifacts works in a join only: a step that takes `inputs`")
    if exclude and include:
        raise MergeMisused("merge_artifacts takes `include` or `exclude`, not both")
    wanted: set[str] | None = set(include) if include else None
    left_out = set(exclude)
    found: dict[str, bytes] = {}
    conflicts: dict[str, None] = {}
    for view in inputs:
        for name, entry in view.__dict__["_pave"].entries.items():
            if name.startswith("__") or name in left_out or name in conflicts:
                continue
            if (wanted is not None and name not in wanted) or _is_set(flow, state, name):
                continue
            other = found.setdefault(name, entry)
            if other is not entry and not state.same_content(other, entry):
                conflicts[name] = None
    if conflicts:
        raise UnhandledInMergeArtifactsException(
            _conflict(state.step, list(conflicts)), list(conflicts)
        )
    missing = [n for n in include if n not in found and not _is_set(flow, state, n)]
    if missing:
        raise MissingInMergeArtifactsException(
            f"no input of step `{state.step}` has {_listed(missing)}, which `include` names",
            missing,
        )
    state.entries.update(found)


def _is_set(flow: FlowSpec, state: Any, name: str) -> bool:
    return name in flow.__dict__ or name in state.entries or hasattr(type(flow), name)


def _conflict(step: str, names: list[str]) -> str:
    return (
        f"the inputs of step `{step}` hold different values of {_listed(names)}; "
        "set them before merge_artifacts, or leave them out with `exclude`"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
