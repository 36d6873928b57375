"""Random edits of good workbooks: what is read is what was meant, or its problem is told at its cell; never a crash.

A case is one to four edits with a seed. Each edit knows its own meaning: that nothing changed, that one field of one
row is now another, that a cell must be complained of, or that nothing can be said but that reading must not fail.
Most cases are read as cells in memory; some are written to files and read, and some are run.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from markov.inputs.definitions.schema import Sheet
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.inputs.workbook import read_inputs
from markov.model.evaluate import evaluate
from tests.inputs.rules.broken_inputs.editing import good_book
from tests.inputs.rules.random_edits.case import WORKBOOKS, Case, original
from tests.inputs.rules.random_edits.harmful import HARMFUL
from tests.inputs.rules.random_edits.harmless import HARMLESS
from tests.inputs.rules.random_edits.meant import MEANT
from tests.inputs.rules.random_edits.unsure import UNSURE
from tests.support.workbooks import contents

CASES, A_TEST = 2000, 100
PLACE = re.compile(r"[^!]+, (?P<sheet>[^,!]+)!(?P<cell>[A-Z]{1,3}\d+)")


def _edited(seed: int) -> Case:
    chance = random.Random(seed)
    case = Case(good_book(WORKBOOKS[seed % len(WORKBOOKS)]), chance)
    kinds = chance.choices((HARMLESS, MEANT, HARMFUL, UNSURE), weights=(4, 3, 3, 1), k=chance.randint(1, 4))
    # What can no longer be followed comes last.
    for kind in sorted(kinds, key=lambda k: k is UNSURE):
        edit = chance.choice(kind)
        if edit(case):
            case.log.append(edit.__name__)
            case.told = [] if kind is UNSURE else case.told
    return case


def _expected(case: Case, name: str) -> dict[str, object]:
    expected = contents(original(name))
    rows = dict(expected["parameters"])  # type: ignore[call-overload]
    for (key, field_name), value in case.changes.items():
        text = " ".join(str(value).split("\x00")).strip() if isinstance(value, str) else value
        rows[key] = replace(rows[key], **{field_name: text})
    expected["parameters"] = {key: row for key, row in rows.items() if key not in case.removed}
    return expected


def _read(case: Case) -> tuple[Inputs | None, tuple[Problem, ...]]:
    try:
        inputs = case.book.read()
    except InputError as error:
        return None, error.problems
    return inputs, inputs.warnings


def _assert_located(case: Case, problems: tuple[Problem, ...]) -> None:
    """Every problem names the file and, where it names a cell, one that could be there; in one line of words."""
    for problem in problems:
        assert problem.place == case.book.name or problem.place.startswith(f"{case.book.name}, "), problem
        found = PLACE.fullmatch(problem.place)
        assert found is None or found["sheet"] in [sheet.value for sheet in Sheet], problem
        assert ("!" in problem.place) == (found is not None), problem
        assert "\n" not in str(problem)
        assert problem.rule.strip()


def _assert_told(case: Case, problems: tuple[Problem, ...]) -> None:
    places = {problem.place for problem in problems}
    unread = {p.place.partition("!")[0] for p in problems if p.rule.startswith("column") and not p.warning}
    for place_of in case.told:
        place = place_of()
        if place.partition("!")[0] in unread:
            continue  # a table whose header is broken is told as a whole
        assert place in places or any(p.startswith(f"{place}!") for p in places), (case.log, place, sorted(places))


def _assert_excused(case: Case, problems: tuple[Problem, ...]) -> None:
    """What is refused without a broken cell is about a value that was changed, or a row that is gone."""
    words = {key for key, _ in case.changes} | case.removed
    for problem in problems:
        text = str(problem)
        about = any(key in text or key.split(".")[-1] in text for key in words)
        assert problem.warning or about, (case.log, text)


def check(seed: int) -> Case:
    """One case, from its edits to the assertions."""
    case = _edited(seed)
    name = WORKBOOKS[seed % len(WORKBOOKS)]
    inputs, problems = _read(case)
    _assert_located(case, problems)
    _assert_told(case, problems)
    if case.unsure:
        return case
    if inputs is not None:
        mine, theirs = contents(inputs), _expected(case, name)
        for key, value in theirs.items():
            assert mine[key] == value, (case.log, key)
    elif not case.told:
        _assert_excused(case, problems)
    return case


# Tests ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", range(0, CASES, A_TEST))
def test_what_is_read_is_what_was_meant_or_the_problem_is_told_at_its_cell(start: int) -> None:
    for seed in range(start, start + A_TEST):
        try:
            check(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}, edits {_edited(seed).log}: {error!r}") from error


def test_the_cases_are_of_every_kind() -> None:
    cases = [_edited(seed) for seed in range(300)]
    made = {name for case in cases for name in case.log}
    assert made == {edit.__name__ for edit in (*HARMLESS, *MEANT, *HARMFUL, *UNSURE)}
    assert sum(not case.told and not case.unsure for case in cases) > 80
    assert sum(bool(case.told) for case in cases) > 80


def _accepted(seeds: Iterator[int], number: int) -> Iterator[tuple[int, Case, Inputs]]:
    for seed in seeds:
        case = _edited(seed)
        inputs, _ = _read(case)
        if inputs is not None:
            yield seed, case, inputs
            number -= 1
        if not number:
            return


def test_what_is_accepted_can_be_run_and_harmless_edits_change_no_result() -> None:
    base = {name: evaluate(original(name)) for name in WORKBOOKS}
    for seed, case, inputs in _accepted(iter(range(CASES, 2 * CASES)), 40):
        outcomes = evaluate(inputs)
        assert np.isfinite(outcomes.cost).all(), (seed, case.log)
        assert np.isfinite(outcomes.qaly).all(), (seed, case.log)
        if not (case.changes or case.removed or case.unsure):
            unedited = base[WORKBOOKS[seed % len(WORKBOOKS)]]
            np.testing.assert_array_equal(outcomes.cost, unedited.cost, err_msg=f"{seed} {case.log}")
            np.testing.assert_array_equal(outcomes.qaly, unedited.qaly, err_msg=f"{seed} {case.log}")


def test_a_treatment_without_a_product_can_be_run() -> None:
    book = good_book()
    book.put("dose.amount.lenalidomide_10mg.lenalidomide", None)
    assert np.isfinite(evaluate(book.read()).cost).all()


FORMATS = ("0.00", "0.0 %", "General", "@", "#,##0", '"GBP" 0', "0.00E+00", "[Red]0")


@pytest.mark.parametrize("start", range(3 * CASES, 3 * CASES + 30, 10))
def test_files_read_as_their_cells_do_whatever_their_formats(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 10):
        case = _edited(seed)
        if len({title.strip().lower() for title in case.book.pages}) < len(case.book.pages):
            continue  # no file has two sheets of one name
        inputs, problems = _read(case)
        path = case.book.save(tmp_path)
        _format(path, case.random)
        try:
            found = read_inputs(path)
        except InputError as error:
            assert inputs is None, (seed, case.log, str(error))
            assert sorted(map(str, error.problems)) == sorted(map(str, problems)), (seed, case.log)
        else:
            assert inputs is not None, (seed, case.log)
            assert contents(found) == contents(inputs), (seed, case.log)


def _format(path: Path, chance: random.Random) -> None:
    """Formats that change how a number looks and not what it is, widths, colours and hidden columns."""
    book = openpyxl.load_workbook(path)
    for page in book.worksheets:
        page.sheet_view.zoomScale = 85
        page.column_dimensions["B"].hidden = True
        for row in page.iter_rows(min_row=5):
            for cell in chance.sample(row, min(2, len(row))):
                if isinstance(cell.value, (int, float)):
                    cell.number_format = chance.choice(FORMATS)
    book.save(path)
