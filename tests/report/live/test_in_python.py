"""A small live model calculated in Python from the formulas in its file: no spreadsheet program, no stored value."""

from pathlib import Path

import numpy as np
import pytest

from markov import Inputs, evaluate, with_values

from .formula_engine import Recalculated
from .recalculation import Edits, told

EDITS: dict[str, Edits] = {
    "as written": {},
    "numbers": {
        "price.lenalidomide_10mg.brand": 1890.0,
        "utility.progression": 0.5,
        "pps.shape.lenalidomide": 1.4,
        "toxicity.proportion.lenalidomide": 0.2,
    },
    "excess": {"settings.post_progression_mortality": "excess", "settings.within_cycle": "one_move"},
    "overall survival": {"settings.post_progression": "overall_survival", "os.hazard_ratio.lenalidomide": 0.8},
    "rate": {
        "settings.post_progression": "rate",
        "settings.correction": "simpson",
        "pfs.family.lenalidomide": "gamma",
        "pfs.shape.lenalidomide": 1.4,
        "pfs.median.lenalidomide": 50.0,
    },
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS.keys())
def test_formulas_calculated_in_python_give_the_engines_totals(small: Inputs, workbook: Path, edits: Edits) -> None:
    book, changed = Recalculated(workbook, edits), with_values(small, dict(edits))
    for name, engine in told(evaluate(changed), changed):
        assert book.named(name) == pytest.approx(engine, rel=1e-9, abs=1e-7 if "net_benefit" in name else 1e-14), name


def test_every_formula_carries_the_value_that_it_has(workbook: Path) -> None:
    book = Recalculated(workbook, {})
    assert len(book.formulas) > 20_000
    assert set(book.stored) == set(book.formulas)
    for place in book.formulas:
        value, stored = book.value(place), book.stored[place]
        if isinstance(value, str):
            assert stored == value, place
        elif place[0] == "Live check" and place[1] in (5, 6):  # differences that are nothing but rounding
            assert abs(float(stored)) < 1e-7
        else:
            assert np.isclose(float(stored), float(value), rtol=1e-9, atol=1e-13), (place, stored, value)


def test_the_python_recalculation_uses_no_stored_value(workbook: Path) -> None:
    book = Recalculated(workbook, {})
    assert not set(book.formulas) & set(book.constants)
