"""Helper processes that run blocks of rows beside the main one.

Threads do not help here: operations of a few microseconds hand Python's lock to and fro, and two threads take as
long as one. Helpers are plain interpreters that read tasks from a pipe, so that nothing is asked of the caller's
script (no `if __name__ == "__main__"`), on Windows as elsewhere. They stay for the next call and end with the program.
While one starts, it imports the model, so that the first task does not wait for that.
"""

import atexit
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

COMMAND = "from markov.model.workers import serve; serve()"
_idle: list["Helper"] = []


class Helper:
    """One helper process; calling it runs a function of a module there, on arguments that can be pickled."""

    def __init__(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's result, or its exception."""
        assert self.process.stdin is not None and self.process.stdout is not None
        pickle.dump((function, arguments), self.process.stdin, protocol=5)
        self.process.stdin.flush()
        result, error = pickle.load(self.process.stdout)
        if error is not None:
            raise error
        return result

    def discard(self) -> None:
        """End the process at once, whatever it is doing."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.kill()
        with suppress(OSError):  # what was not yet sent to a process that is gone
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def borrow(count: int) -> list[Helper]:
    """Take helpers, started when none is idle; give them back with `give_back`."""
    return [_idle.pop() if _idle else Helper() for _ in range(count)]


def give_back(helpers: list[Helper], *, sound: bool) -> None:
    """Keep helpers for the next call, or end them after an error that may have left a task unread."""
    if sound:
        _idle.extend(helpers)
    else:
        for helper in helpers:
            helper.discard()


def warm() -> None:
    """Start a helper now where there is a processor for it, so that it is ready when it is needed."""
    if not _idle and (os.cpu_count() or 1) > 1:
        with suppress(OSError):
            _idle.append(Helper())


class Beside:
    """Runs functions in a helper process, one after the other, while this process goes on.

    What the helper has not begun when its result is asked for runs here; so does everything where no process can be
    had, or there is one processor only.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1) if (os.cpu_count() or 1) > 1 else None

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        """Begin; what is returned waits for the result, or raises the function's exception."""
        if self._pool is None:
            return partial(function, *arguments)
        future = self._pool.submit(_elsewhere, function, *arguments)
        return lambda: function(*arguments) if future.cancel() else future.result()


def _elsewhere(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        (helper,) = borrow(1)
    except OSError:
        return function(*arguments)
    sound = True
    try:
        return helper(function, *arguments)
    except (OSError, EOFError):
        sound = False
        return function(*arguments)
    finally:
        give_back([helper], sound=sound)


@atexit.register
def _close_all() -> None:
    while _idle:
        _idle.pop().discard()  # it holds nothing: letting it end by itself takes a tenth of a second


def serve() -> None:
    """What a helper does: read a function and its arguments, write the result or the exception, until the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it decides when it ends
    import_module("markov.model.evaluate")  # before there is a task
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever is printed must not get among the results
    while True:
        try:
            function, arguments = pickle.load(source)
        except EOFError:
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = function(*arguments), None
        except Exception as error:
            answer = None, error
        pickle.dump(answer, target, protocol=5)
        target.flush()
