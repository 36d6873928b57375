"""Values from Python: what a workbook would refuse is refused, in the workbook's words, and with the nearest id."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markov import InputError, Inputs, evaluate, random_draws, with_values
from markov.inputs.parameters import Trusted, Value, changed_inputs
from markov.inputs.problems import Problem
from tests.inputs.rules.broken_inputs.editing import good_book, problems_of

HR = "os.hazard_ratio.lenalidomide"
PRICE = "price.lenalidomide_10mg.brand"


def refused(inputs: Inputs, changes: Mapping[str, object]) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as error:
        with_values(inputs, changes)  # type: ignore[arg-type]
    return error.value.problems


def not_run(inputs: Inputs, values: object) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as error:
        evaluate(inputs, values)  # type: ignore[arg-type]
    return error.value.problems


MISSPELT = {
    "os.hazard_ratio.lenalidomid": HR,
    "os.hazrd_ratio.lenalidomide": HR,
    "Os.Hazard_ratio.lenalidomide": HR,
    "utility.progresion": "utility.progression",
    "price.lenalidomide_10m.brand": PRICE,
    "price.lenalidomide_10mg.brnd": PRICE,
    "adverse_event.proportion.neutropeni.lenalidomide": "adverse_event.proportion.neutropenia.lenalidomide",
    "adverse_event.cost.neutropenias": "adverse_event.cost.neutropenia",
    "strategy.included.lenalidomid": "strategy.included.lenalidomide",
}


@pytest.mark.parametrize("wrong", MISSPELT)
def test_a_misspelt_id_is_refused_with_the_one_that_was_meant(calgb: Inputs, wrong: str) -> None:
    (told,) = refused(calgb, {wrong: 0.6})
    assert told.place == f"values given from Python: {wrong}"
    assert told.remedy == f"Did you mean {MISSPELT[wrong]}?"
    assert not_run(calgb, {wrong: np.array([0.6, 0.7])}) == (told,)


def test_what_is_like_no_id_is_refused_with_what_there_is(calgb: Inputs) -> None:
    (told,) = refused(calgb, {"price.x.generic": 1.0})
    assert told.rule == "price.x.generic names a product that the workbook does not have"
    (told,) = refused(calgb, {"colour": 1.0})
    assert told.remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (HR, "0,57"),
        (HR, "about half"),
        (HR, 0.0),
        (HR, 1e300),
        (HR, True),
        ("utility.progression", 72.0),
        ("utility.progression", "72 %"),
        ("toxicity.proportion.lenalidomide", 1.0),
        ("settings.price_set", "free"),
        ("settings.currency", "pounds"),
        ("settings.thresholds", "30000; 20000"),
        ("settings.seed", 1.5),
        ("os.family.lenalidomide", "Weibull"),
    ],
)
def test_a_value_is_refused_in_the_words_of_a_workbook(calgb: Inputs, key: str, value: object) -> None:
    book = good_book()
    place = book.put(key, value)
    in_the_workbook = next(p for p in problems_of(book) if p.place == place and not p.warning)
    (told,) = refused(calgb, {key: value})
    assert (told.rule, str(told.found), told.remedy) == (
        in_the_workbook.rule,
        str(in_the_workbook.found),
        in_the_workbook.remedy,
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.array([0.5]), [0.5]])
def test_what_no_cell_can_hold_is_no_number(calgb: Inputs, value: object) -> None:
    (told,) = refused(calgb, {HR: value})
    assert told.rule == f"{HR} needs a number"


def test_all_that_is_wrong_is_told_at_once(calgb: Inputs) -> None:
    found = refused(calgb, {"utility.progresion": 0.6, "utility.maintenance": 72.0, HR: "half", "cohort.age": 60.0})
    assert [told.place.rpartition(": ")[2] for told in found] == ["utility.progresion", "utility.maintenance", HR]


def test_numbers_of_numpy_and_whole_numbers_are_numbers_and_none_empties_a_value(calgb: Inputs) -> None:
    numbers: dict[str, Any] = {HR: np.float32(0.5), "cohort.age": np.int64(60), "settings.horizon_years": 10}
    changed = with_values(calgb, numbers)
    assert [changed.value(key) for key in (HR, "cohort.age", "settings.horizon_years")] == [0.5, 60.0, 10.0]
    assert with_values(calgb, {"settings.horizon_years": None}).value("settings.horizon_years") is None


def test_values_that_do_not_go_together_are_refused_unless_they_are_given_together(calgb: Inputs) -> None:
    later: dict[str, Value] = {"settings.discount_change_years": 30.0}
    found = refused(calgb, later)
    assert {told.rule.partition(" ")[2] for told in found} == {"has no value"}
    assert {told.place for told in found} == {"values given from Python: settings.discount_change_years"}
    rates: dict[str, Value] = {f"settings.discount_rate_later.{kind}": 0.03 for kind in ("costs", "effects")}
    assert with_values(calgb, {**later, **rates}).value("settings.discount_change_years") == 30.0
    (told,) = refused(calgb, {"os.reference.lenalidomide": "no_maintenanc"})
    assert told.place == "values given from Python: os.reference.lenalidomide"


def test_what_was_wrong_before_is_not_told_again(calgb: Inputs) -> None:
    unsound = changed_inputs(calgb, {"settings.post_progression": "rate"})
    assert with_values(unsound, {"utility.progression": 0.6}).value("utility.progression") == 0.6


def test_a_new_event_is_taken_where_it_comes_with_its_share(calgb: Inputs) -> None:
    rash: dict[str, Value] = {"adverse_event.proportion.rash.lenalidomide": 0.1, "adverse_event.cost.rash": 200.0}
    assert with_values(calgb, rash).value("adverse_event.cost.rash") == 200.0
    for alone in rash:
        assert "names an event that the workbook does not have" in refused(calgb, {alone: 0.1})[0].rule


def test_a_new_route_is_taken_where_a_dose_is_given_by_it(calgb: Inputs) -> None:
    cost: dict[str, Value] = {"cost.administration.drip": 300.0}
    assert with_values(calgb, {"dose.route.lenalidomide_10mg.lenalidomide": "drip", **cost})
    assert refused(calgb, cost)


def test_what_the_program_changes_on_purpose_goes_beyond_limits(calgb: Inputs) -> None:
    assert changed_inputs(calgb, {"utility.progression": 1.4}).value("utility.progression") == 1.4
    assert evaluate(calgb, Trusted({"utility.progression": np.array([0.6, 1.4])})).cost.shape == (2, 2)


# Columns of values ---------------------------------------------------------------------------------------------------

GOOD = np.array([0.5, 0.6, 0.7])


def test_a_table_of_pandas_is_run_as_its_columns_are(calgb: Inputs) -> None:
    table = pd.DataFrame({HR: GOOD, "cohort.proportion_female": [0.4, 0.5, 0.6]})
    columns = {str(name): table[name].to_numpy() for name in table}
    np.testing.assert_array_equal(evaluate(calgb, table).cost, evaluate(calgb, columns).cost)
    np.testing.assert_array_equal(evaluate(calgb, {HR: list(GOOD)}).qaly, evaluate(calgb, {HR: GOOD}).qaly)


WRONG: dict[str, tuple[object, str, str, object]] = {
    "a text": ([0.5, "0,57", 0.6], "[1]", f"{HR} needs a number", "0,57"),
    "texts": (["0.5", "0.6"], "[0]", f"{HR} needs a number", "0.5"),
    "nothing": ([0.5, None, 0.6], "[1]", f"{HR} needs a number", "nan"),
    "no number": (np.array([0.5, 0.6, np.nan, np.nan]), "[2]", f"{HR} needs a number", "nan"),
    "infinity": (np.array([np.inf, 0.6]), "[0]", f"{HR} needs a number", "inf"),
    "zero": (np.array([0.5, 0.0, -1.0]), "[1]", f"{HR} must be above 0", "0"),
    "too much": (np.array([0.5, 0.6, 0.7, 101.0, 102.0]), "[3]", f"{HR} must be at most 100", "101"),
    "yes and no": (np.array([True, False]), "[0]", f"{HR} needs a number", "True"),
    "dates": (np.array(["2026-03-01"], dtype="datetime64[D]"), "[0]", f"{HR} needs a number", "2026-03-01"),
    "a grid": (np.ones((2, 2)), "", f"{HR} needs one number a row", "2 dimensions"),
    "one number": (0.5, "", f"{HR} needs one number a row", "0 dimensions"),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_first_row_that_is_wrong_is_told_with_its_value(calgb: Inputs, case: str) -> None:
    column, row, rule, found = WRONG[case]
    (told,) = not_run(calgb, {HR: column})
    assert (told.place, told.rule, str(told.found)) == (f"values given from Python: {HR}{row}", rule, found)


def test_columns_that_have_numbers_for_names_are_refused(calgb: Inputs) -> None:
    (told,) = not_run(calgb, pd.DataFrame(np.ones((3, 1))))
    assert told.rule == "this is not a well-formed id"


def test_columns_of_different_lengths_or_without_rows_are_refused(calgb: Inputs) -> None:
    (told,) = not_run(calgb, {HR: GOOD, "utility.progression": GOOD[:2]})
    assert (told.rule, told.found) == ("columns differ in length", f"{HR} has 3, utility.progression has 2")
    for empty in ({}, {HR: GOOD[:0]}, pd.DataFrame(), pd.DataFrame({HR: []})):
        (told,) = not_run(calgb, empty)
        assert told.rule == "there are no rows of values"


@pytest.mark.parametrize(
    "key", ["settings.price_set", "settings.cycle_days", "settings.discount_rate.costs", "treatment.start.lenalidomide"]
)
def test_what_is_one_for_a_run_is_no_column(calgb: Inputs, key: str) -> None:
    (told,) = not_run(calgb, {key: np.array([1.0, 2.0])})
    assert told.rule == f"{key} is one for all rows of a run"


def test_random_draws_are_trusted_and_their_columns_pass(calgb: Inputs) -> None:
    draws = random_draws(calgb, runs=5, seed=1)
    np.testing.assert_array_equal(evaluate(calgb, draws).cost, evaluate(calgb, dict(draws.columns())).cost)
