"""Compiles the model's scalar functions with Numba; where it cannot be imported they run as plain Python.

What is compiled is kept in the user's cache folder, apart for each state of the sources, so that an upgrade compiles
anew, an installation may be read-only, and two processes may start at once (Numba replaces files whole).
`NUMBA_DISABLE_JIT=1` runs plain Python, to step through the cycle in a debugger.
"""

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from markov.terms import Array

F = TypeVar("F", bound=Callable[..., Any])
SOURCES = (
    "survival/hazards.py",
    "model/structure.py",
    "model/treatment.py",
    "model/cohort.py",
    "model/stops.py",
    "model/counting.py",
    "model/run.py",
)


def _user_caches() -> Path:
    """Where this system keeps what a program can make again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home()))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _cache_folder() -> Path:
    """A folder of these sources' own in the user's caches; where these cannot be written, one for this run alone."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    try:
        folder = _user_caches() / "markov" / digest.hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # not writable, or no home
        folder = Path(tempfile.mkdtemp(prefix="markov_"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder


try:
    FOLDER = Path(os.environ.setdefault("NUMBA_CACHE_DIR", "") or _cache_folder())
    os.environ["NUMBA_CACHE_DIR"] = str(FOLDER)
    import numba
except ImportError:
    numba = None  # type: ignore[assignment]


def compiled(function: F) -> F:
    """A formula, compiled into those who use it."""
    return _jit(function, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def loop(function: F) -> F:
    """A loop over cycles, compiled by itself: within another it would take long to compile and gain nothing."""
    return _jit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def entry(function: F) -> F:
    """The function, compiled with all it calls when it is first called, and kept; it does not hold Python's lock."""
    return _jit(function, cache=True, nogil=True, no_cfunc_wrapper=True)


def _jit(function: F, **options: bool) -> F:
    if numba is None:
        return function
    config: Any = numba.config
    config.CACHE_DIR = config.CACHE_DIR or str(FOLDER)
    jit: Any = numba.njit
    made: F = jit(error_model="numpy", **options)(function)
    return made


def plain(function: F) -> F:
    """The same function in plain Python, which takes arrays where its formula does.

    >>> plain(compiled(lambda x: x + 1.0))(1.0)
    2.0
    """
    found: F = getattr(function, "py_func", function)
    return found


def filled(values: Array, shape: tuple[int, ...]) -> Array:
    """An array of its own of a shape: compiled code knows arrays by their layout."""
    return np.array(np.broadcast_to(values, shape), dtype=float, order="C")


@cache
def say_what_is_waited_for() -> None:
    """One line on stderr, once: that the model is compiled for the first time, or that it cannot be and is slow."""
    if numba is None:
        print("Numba cannot be imported: the model runs as plain Python, some hundred times slower.", file=sys.stderr)
    elif os.environ.get("NUMBA_DISABLE_JIT", "0") == "0" and not any(FOLDER.rglob("*.nbc")):
        print("Compiling the model, once after installing this version: about 15 seconds.", file=sys.stderr)
