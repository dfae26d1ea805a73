"""Pave: flows in Python, from a script to production.

Everything is imported on first use, so that `import pave` costs next to nothing.

Examples
--------
>>> from pave import FlowSpec, step
"""

__version__ = "0.1.0"

_STEP_DECORATORS = (
    "batch card catch conda environment kubernetes parallel pypi pytorch_parallel resources "
    "retry secrets timeout"
)
_FLOW_DECORATORS = "conda_base exit_hook project pypi_base schedule trigger trigger_on_finish"
_CLIENT = (
    "DataArtifact Flow Metaflow Run Step Task default_metadata default_namespace get_metadata "
    "get_namespace metadata namespace"
)
#: Public name to the module that defines it.
_HOMES = {
    "FlowSpec": "flowspec",
    "step": "flowspec",
    "IncludeFile": "parameters",
    "JSONType": "parameters",
    "JSONTypeClass": "parameters",
    "Parameter": "parameters",
    "current": "_current",
    **dict.fromkeys(f"{_STEP_DECORATORS} {_FLOW_DECORATORS}".split(), "decorators"),
    **dict.fromkeys(_CLIENT.split(), "client"),
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    module = __import__(f"{__name__}.{home}", fromlist=(name,))
    try:
        value = getattr(module, name)
    except AttributeError:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._current import current as current
    from .client import DataArtifact as DataArtifact
    from .client import Flow as Flow
    from .client import Run as Run
    from .client import Step as Step
    from .client import Task as Task
    from .client import default_namespace as default_namespace
    from .client import get_namespace as get_namespace
    from .client import namespace as namespace
    from .decorators import batch as batch
    from .decorators import card as card
    from .decorators import catch as catch
    from .decorators import conda as conda
    from .decorators import conda_base as conda_base
    from .decorators import environment as environment
    from .decorators import exit_hook as exit_hook
    from .decorators import kubernetes as kubernetes
    from .decorators import parallel as parallel
    from .decorators import project as project
    from .decorators import pypi as pypi
    from .decorators import pypi_base as pypi_base
    from .decorators import pytorch_parallel as pytorch_parallel
    from .decorators import resources as resources
    from .decorators import retry as retry
    from .decorators import schedule as schedule
    from .decorators import secrets as secrets
    from .decorators import timeout as timeout
    from .decorators import trigger as trigger
    from .decorators import trigger_on_finish as trigger_on_finish
    from .flowspec import FlowSpec as FlowSpec
    from .flowspec import step as step
    from .parameters import IncludeFile as IncludeFile
    from .parameters import JSONType as JSONType
    from .parameters import Parameter as Parameter
