"""One case from its number to its verdict: refused with places, run with finite results, or a failure that is told."""

import contextlib
import random
import signal
import tempfile
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from markov.analysis.base_case import base_case
from markov.analysis.uncertainty.invariants import excesses
from markov.inputs.definitions.sheets import Sheet
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.problems import InputError, Problem
from markov.inputs.reading.file import read_file
from markov.inputs.workbook import assemble, read_inputs, sheets_of
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate
from markov.model.outcomes import Outcomes
from markov.report.reports import write_report

from . import cells, package

WORKBOOKS = ("calgb_100104", "myeloma_ix", "hovon65", "calgb_100104", "myeloma_ix", "post_transplant_uk")
OF_THE_FILE = 0.2  # share of cases that mutate the file rather than its cells
SECONDS = 20  # of processor time that a case may take
YEARS = 2.0  # horizon of the runs: rules do not depend on it
REPORTS = 0.01  # share of accepted cases whose report is written as well
LINE = 12_000  # characters of a problem

REFUSED, RUN, SAME = "refused", "run", "run, equal to the base"


class FailureError(AssertionError):
    """What the program must never do."""


@contextlib.contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Stop what takes more processor time than it may."""

    def stop(*_: object) -> None:
        raise FailureError(f"took more than {seconds:g} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@lru_cache
def pages(name: str) -> dict[str, cells.Cells]:
    """Cells of a shipped workbook by sheet."""
    return {title: dict(grid.cells) for title, grid in read_file(shipped(name)).grids.items()}


@lru_cache
def parts(name: str) -> package.Parts:
    """Parts of a shipped workbook."""
    with zipfile.ZipFile(shipped(name)) as archive:
        return {part: archive.read(part) for part in archive.namelist()}


@lru_cache
def base(name: str) -> Outcomes:
    """Results of a shipped workbook."""
    return run(read_inputs(shipped(name)))


def run(inputs: Inputs) -> Outcomes:
    """The model over a short horizon."""
    years = inputs.value("settings.horizon_years")
    short = isinstance(years, float) and 0.0 < years < YEARS
    with np.errstate(all="ignore"):  # what counts is that the results are finite
        return evaluate(inputs if short else with_values(inputs, {"settings.horizon_years": YEARS}))


def judge(seed: int, number: int) -> tuple[str, list[str]]:
    """The verdict on a case and its mutations; raises FailureError, or what the program raised."""
    chance = random.Random(f"{seed}/{number}")
    name = chance.choice(WORKBOOKS)
    with in_time(SECONDS):
        if chance.random() < OF_THE_FILE:
            return _of_the_file(name, chance)
        return _of_cells(name, chance)


def told(seed: int, number: int) -> list[str]:
    """Every problem that is said of a case."""
    chance = random.Random(f"{seed}/{number}")
    name = chance.choice(WORKBOOKS)
    try:
        if chance.random() < OF_THE_FILE:
            with written(package.mutate(parts(name), chance)[0]) as path:
                return [str(problem) for problem in read_inputs(path).warnings]
        sketch = cells.Sketch(dict(pages(name)), chance)
        cells.mutate(sketch)
        return [str(problem) for problem in assemble(*sheets_of(sketch.file())).warnings]
    except InputError as error:
        return [str(problem) for problem in error.problems]


@contextlib.contextmanager
def written(content: bytes) -> Iterator[Path]:
    """A file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / cells.NAME
        path.write_bytes(content)
        yield path


def _of_the_file(name: str, chance: random.Random) -> tuple[str, list[str]]:
    content, log = package.mutate(parts(name), chance)
    with written(content) as path:
        try:
            inputs = read_inputs(path)
        except InputError as error:
            _located(error.problems, str(path), frozenset())
            if set(log) <= set(package.HARMLESS):
                raise FailureError(f"refused: {error}") from error
            return REFUSED, log
        if path.read_bytes() != content:
            raise FailureError("the file was changed")
    if "entities" in log and log[-1] == "entities":
        raise FailureError("a part that declares entities was read")
    outcomes = _sound(inputs, chance)
    if set(log) <= set(package.HARMLESS):
        _equal(outcomes, base(name))
        return SAME, log
    return RUN, log


def _of_cells(name: str, chance: random.Random) -> tuple[str, list[str]]:
    sketch = cells.Sketch(dict(pages(name)), chance)
    known = cells.mutate(sketch)
    try:
        inputs = assemble(*sheets_of(sketch.file()))
    except InputError as error:
        _located(error.problems, cells.NAME, frozenset(sketch.pages))
        if known and sketch.same:
            raise FailureError(f"refused: {error}") from error
        return REFUSED, sketch.log
    _located(inputs.warnings, cells.NAME, frozenset(sketch.pages))
    for identifier, value in sketch.written.items() if known else ():
        found = inputs.parameters[identifier].value
        if found != value:
            raise FailureError(f"{identifier} was written as {value!r} and read as {found!r}")
    outcomes = _sound(inputs, chance)
    if known and sketch.same:
        _equal(outcomes, base(name))
        return SAME, sketch.log
    return RUN, sketch.log


def _sound(inputs: Inputs, chance: random.Random) -> Outcomes:
    """Results that are finite and keep what must hold; now and then a report that can be written."""
    outcomes = run(inputs)
    for rule, gap in excesses(inputs, outcomes, {}):
        if not (gap <= rule.tolerance).all():
            raise FailureError(f"{rule.title}: off by {np.max(gap):g}")
    if chance.random() < REPORTS:
        with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
            write_report(base_case(inputs), Path(folder) / "report.xlsx", live=True)
    return outcomes


def _equal(outcomes: Outcomes, other: Outcomes) -> None:
    for kind in ("cost", "qaly", "life_year"):
        mine, theirs = (dict(zip(o.strategies, getattr(o, kind)[0], strict=True)) for o in (outcomes, other))
        if mine.keys() != theirs.keys() or any(not np.isclose(mine[s], theirs[s], rtol=1e-12, atol=0) for s in mine):
            raise FailureError(f"{kind} is {mine}, and {theirs} in the base")


def _located(problems: tuple[Problem, ...], file: str, titles: frozenset[str]) -> None:
    """Each problem names the file and, where it names a sheet, one of the model's or of the file's; in one line."""
    known = {sheet.value for sheet in Sheet} | titles
    for problem in problems:
        text, name = str(problem), Path(file).name
        place = problem.place.removeprefix(str(Path(file).parent) + "/")
        sheet = place.removeprefix(f"{name}, ").partition("!")[0]
        if place != name and not (place.startswith(f"{name}, ") and sheet in known):
            raise FailureError(f"no place: {text[:300]}")
        if "\n" in text or len(text) > LINE or not text.endswith((".", "?", ".)", "…")) or not problem.rule.strip():
            raise FailureError(f"no sentence: {text[:300]}")
