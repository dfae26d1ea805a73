"""When children must not be forked, and that it is noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_runtime import Runtime, flow_of

Make = Callable[..., Runtime]


def verdict(runtime: Make, above: str, **environment: str) -> str | None:
    made = runtime(flow_of("pass", above=above), environment=environment)
    return made.ready()["unsafe_to_fork"]


@pytest.mark.parametrize(
    "module", ["numpy", "pandas", "sklearn.ensemble", "scipy.linalg", "pyarrow"]
)
def test_importing_is_safe(runtime: Make, module: str) -> None:
    pytest.importorskip(module)
    assert verdict(runtime, f"import {module}") is None


def test_a_python_thread_is_not(runtime: Make) -> None:
    above = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True, name='ticker').start()"
    )
    assert "ticker" in (verdict(runtime, above) or "")


def test_a_thread_that_has_ended_is_forgotten(runtime: Make) -> None:
    above = "import threading\nt = threading.Thread(target=int)\nt.start()\nt.join()"
    assert verdict(runtime, above) is None


def test_an_openmp_region_is_not(runtime: Make) -> None:
    pytest.importorskip("sklearn")
    above = (
        "import numpy\nfrom sklearn.ensemble import HistGradientBoostingClassifier as Model\n"
        "x = numpy.random.default_rng(0).random((200, 3))\n"
        "Model(max_iter=2).fit(x, x[:, 0] > 0.5)"
    )
    reason = verdict(runtime, above, OMP_NUM_THREADS="4") or ""
    assert "native threads" in reason
    assert "OpenMP" in reason


def test_openblas_at_work_is_safe(runtime: Make) -> None:
    pytest.importorskip("numpy")
    made = runtime(
        flow_of(
            "b = numpy.ones((500, 500))\nself.x = float((b @ b).sum())",
            above="import numpy\na = numpy.ones((500, 500))\na @ a",
        ),
        environment={"OPENBLAS_NUM_THREADS": "4"},
    )
    assert made.ready()["unsafe_to_fork"] is None
    assert made.run("start")["x"] == 500.0**3


def test_openmp_works_in_children_of_a_parent_that_only_imports(runtime: Make) -> None:
    pytest.importorskip("sklearn")
    made = runtime(
        flow_of(
            "x = numpy.random.default_rng(0).random((500, 3))\n"
            "self.score = float(Model(max_iter=2).fit(x, x[:, 0] > 0.5).score(x, x[:, 0] > 0.5))",
            above="import numpy\n"
            "from sklearn.ensemble import HistGradientBoostingClassifier as Model",
        ),
        environment={"OMP_NUM_THREADS": "4"},
    )
    made.ready()
    assert [made.run("start")["score"] > 0.9 for _ in range(2)] == [True, True]


def test_polars_works_in_children_of_a_parent_that_only_imports(runtime: Make) -> None:
    pytest.importorskip("polars")
    made = runtime(
        flow_of(
            "frame = polars.DataFrame({'k': list(range(1000)) * 100, 'v': range(100_000)})\n"
            "self.rows = frame.lazy().group_by('k').agg(polars.col('v').sum()).collect().height",
            above="import polars",
        ),
        environment={"POLARS_MAX_THREADS": "4"},
    )
    assert made.ready()["unsafe_to_fork"] is None
    assert [made.run("start")["rows"] for _ in range(2)] == [1000, 1000]


def test_polars_at_work_is_not_safe(runtime: Make) -> None:
    pytest.importorskip("polars")
    above = (
        "import polars\n"
        "polars.DataFrame({'k': [1, 2] * 50_000}).lazy().group_by('k').len().collect()"
    )
    assert "polars" in (verdict(runtime, above, POLARS_MAX_THREADS="4") or "")


def test_a_gpu_context_is_not(runtime: Make) -> None:
    above = (
        "import sys, types\ntorch = types.ModuleType('torch')\n"
        "torch.cuda = types.SimpleNamespace(is_initialized=lambda: True)\n"
        "sys.modules['torch'] = torch"
    )
    assert "CUDA" in (verdict(runtime, above) or "")


THREAD = (
    "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
)


@pytest.mark.parametrize(
    ("above", "choice", "expected"),
    [("", "never", "PAVE_FORK=never"), (THREAD, "always", None), ("", "auto", None)],
)
def test_the_choice_can_be_forced(
    runtime: Make, above: str, choice: str, expected: str | None
) -> None:
    assert verdict(runtime, above, PAVE_FORK=choice) == expected
