"""What can be wrong with an input, said so that an analyst can mend it.

InputError           bad input: every problem found, each with its place (exit code 2)
  ├─ file problems   missing, not a workbook, encrypted
  ├─ cell problems   text for a number, out of range, unknown id, …
  └─ rule problems   values that do not go together
"""

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 2000  # characters of a rule or a remedy, which may list many ids


@dataclass(frozen=True)
class Problem:
    """One problem: where it is, what is there, what the rule is and how to mend it.

    >>> print(Problem("calgb.xlsx, Survival!C7", "pfs.hazard_ratio.len needs a number above 0", "0,57", "Write 0.57."))
    calgb.xlsx, Survival!C7: pfs.hazard_ratio.len needs a number above 0, found "0,57". Write 0.57.
    """

    place: str
    rule: str
    found: object = None
    remedy: str = ""
    warning: bool = False

    def __str__(self) -> str:
        found = "" if self.found is None else f', found "{_in_a_line(self.found)}"'
        remedy = f" {_in_a_line(self.remedy, LONGEST)}" if self.remedy else ""
        return f"{self.place}: {_in_a_line(self.rule, LONGEST)}{found}.{remedy}"


def _in_a_line(text: object, longest: int = 80) -> str:
    """A text without line breaks, cut where an analyst's cell holds more than a reader wants to see."""
    words = f"{text:.10g}" if isinstance(text, float) else " ".join(str(text).split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


class InputError(ValueError):
    """The input cannot be run as it stands; `problems` lists everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def raise_errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Raise InputError if any problem is an error; otherwise return the warnings.

    >>> raise_errors([Problem("a.xlsx, Costs!C3", "source is empty", warning=True)])[0].warning
    True
    """
    found = tuple(problems)
    if any(not problem.warning for problem in found):
        raise InputError(found)
    return found
