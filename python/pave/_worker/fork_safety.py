"""Whether children may be forked from this process.

Owns: the reasons against. A thread that isn't there any more in the child may hold a lock for
ever. Threads that are known to survive a fork, because their library restarts them, are allowed:
OpenBLAS's pool and jemalloc's cleaner. An OpenMP pool is not: forking after a parallel region
ran hangs the child's next one.
"""

from __future__ import annotations

import os
import sys
import time

#: How often, and how far apart in seconds, native threads are looked for before they count.
_LOOKS = 10
_PAUSE = 0.005
#: Threads whose libraries handle a fork by themselves, by name.
_HARMLESS = ("jemalloc_bg_thd", "polars-ooc-clea")
_OPENBLAS_COUNTERS = (
    "scipy_openblas_get_num_threads64_",
    "scipy_openblas_get_num_threads",
    "openblas_get_num_threads64_",
    "openblas_get_num_threads",
)


def reason_against() -> str | None:
    """Says why children must not be forked; `None` if they may be.

    `PAVE_FORK=always` and `PAVE_FORK=never` decide without looking.
    """
    forced = os.environ.get("PAVE_FORK", "")
    if forced == "always":
        return None
    if forced == "never":
        return "PAVE_FORK=never"
    if not sys.platform.startswith("linux"):
        return f"forking without exec is not safe on {sys.platform}"
    return _gpu() or _python_threads() or _native_threads()


def _gpu() -> str | None:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is not None and cuda.is_initialized():
        return "the flow file initialises a CUDA context when it is imported"
    return None


def _python_threads() -> str | None:
    threading = sys.modules.get("threading")
    if threading is None:
        return None
    others = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    if not others:
        return None
    return f"the flow file starts threads when it is imported: {', '.join(others)}"


def _native_threads() -> str | None:
    accounted = 0
    unknown: list[str] = []
    for _ in range(_LOOKS):
        unknown = _unknown_threads()
        if unknown and not accounted:
            accounted = _openblas_threads()
        if len(unknown) <= accounted:
            return None
        # A thread that was joined may still be on its way out.
        time.sleep(_PAUSE)
    listed = ", ".join(sorted(set(unknown)))
    return (
        f"{len(unknown) - accounted} native threads are alive after the flow file was imported "
        f"(named {listed}), as after an OpenMP computation; compute in steps instead"
    )


def _unknown_threads() -> list[str]:
    """Names the threads besides the main one that nothing is known of."""
    main = str(os.getpid())
    names = [_thread_name(thread) for thread in os.listdir("/proc/self/task") if thread != main]
    return [name for name in names if name not in _HARMLESS]


def _thread_name(thread: str) -> str:
    try:
        with open(f"/proc/self/task/{thread}/comm") as name:
            return name.read().strip()
    except OSError:
        return "?"


def _openblas_threads() -> int:
    """Counts the threads that the loaded OpenBLAS libraries keep besides the main one."""
    with open("/proc/self/maps") as maps:
        paths = {line[line.index("/") :].rstrip("\n") for line in maps if "openblas" in line}
    if not paths:
        return 0
    from ctypes import CDLL, c_int

    total = 0
    for path in paths:
        try:
            library = CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        except OSError:
            continue
        for name in _OPENBLAS_COUNTERS:
            counter = getattr(library, name, None)
            if counter is not None:
                counter.restype = c_int
                total += max(counter() - 1, 0)
                break
    return total
