"""What can be imported, from where, and what it costs."""

from __future__ import annotations

import importlib

import pytest

import pave
from pave import exceptions

from .place import Place

FLOWS = "FlowSpec step Parameter JSONType JSONTypeClass IncludeFile current"
DECORATORS = (
    "retry catch timeout environment resources kubernetes batch conda pypi card secrets parallel "
    "pytorch_parallel schedule project trigger trigger_on_finish exit_hook conda_base pypi_base"
)
CLIENT = (
    "Metaflow Flow Run Step Task DataArtifact namespace get_namespace default_namespace "
    "metadata get_metadata default_metadata"
)
EXCEPTIONS = (
    "MetaflowException InvalidNextException MetaflowInternalError ParameterFieldFailed "
    "ParameterFieldTypeMismatch UnhandledInMergeArtifactsException "
    "MissingInMergeArtifactsException MetaflowDataMissing DataException "
    "UnpicklableArtifactException MetaflowNotFound MetaflowNamespaceMismatch "
    "MetaflowInvalidPathspec MetaflowTaggingError MetaflowUnknownUser CommandException "
    "ExternalCommandFailed InvalidDecoratorAttribute UnknownStepDecoratorException "
    "UnknownFlowDecoratorException DuplicateStepDecoratorException "
    "DuplicateFlowDecoratorException BadStepDecoratorException BadFlowDecoratorException "
    "TimeoutException FailureHandledByCatch"
)


@pytest.mark.parametrize("name", f"{FLOWS} {DECORATORS} {CLIENT}".split())
def test_a_name_is_there_and_a_star_import_brings_it(name: str) -> None:
    assert getattr(pave, name) is not None
    assert name in pave.__all__


@pytest.mark.parametrize("name", EXCEPTIONS.split())
def test_every_exception_is_a_metaflow_exception_with_a_headline(name: str) -> None:
    kind = getattr(exceptions, name)
    error = kind("what happened")
    assert isinstance(error, exceptions.MetaflowException)
    assert error.headline and error.message == "what happened"
    assert hasattr(error, "line_no") and hasattr(error, "source_file")


def test_the_wrapper_of_a_caught_exception_keeps_text_and_type_alone() -> None:
    wrapper = exceptions.MetaflowExceptionWrapper(ValueError("no"))
    assert (wrapper.type, wrapper.exception, str(wrapper)) == ("builtins.ValueError", "no", "no")


def test_json_type_is_an_instance() -> None:
    assert isinstance(pave.JSONType, pave.JSONTypeClass)


def test_an_unknown_name_is_an_import_error() -> None:
    with pytest.raises(AttributeError, match="no attribute `flowspec_`"):
        pave.flowspec_  # noqa: B018
    with pytest.raises(ImportError):
        exec("from pave import Flows")


def test_importing_the_package_imports_nothing_heavy(place: Place) -> None:
    words = (
        "import sys, pave; print([m for m in ('numpy', 'asyncio', 'inspect') if m in sys.modules])"
    )
    assert place.succeed("-c", words).out.strip() == "[]"


def test_the_client_is_a_module_too() -> None:
    assert importlib.import_module("pave.client").Run is pave.Run
