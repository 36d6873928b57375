"""Helper processes that compute a batch's tasks beside the main one: one that dies takes a task with it, not the batch.

Helpers are plain interpreters that read tasks from a pipe, so that nothing is asked of the caller's script (no
`if __name__ == "__main__"`), on Windows as elsewhere. While one starts, it imports the model.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

COMMAND = "from markov.batch.processes import serve; serve()"


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
