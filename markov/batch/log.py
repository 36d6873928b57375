"""The log of a batch: what was run when, how long tasks took, what failed. Every line is written at once."""

from collections.abc import Iterable
from pathlib import Path

from markov.batch.store import now
from markov.inputs.problems import Problem

FILE = "batch.log"


class Log:
    """A text file that lines are added to, also by several runs at once."""

    def __init__(self, folder: Path, run: int):
        self.file, self.run = folder / FILE, run

    def write(self, words: str) -> None:
        """Add a line with the time and the run."""
        with self.file.open("a", encoding="utf-8") as log:
            log.write(f"{now()} run {self.run}: {words}\n")

    def problems(self, what: str, problems: Iterable[Problem]) -> None:
        """Why a job failed, a line a problem."""
        for problem in problems:
            self.write(f"failed: {what}: {problem}")
