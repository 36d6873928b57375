"""The live model before it is written: each column is the engine's, and the formulas keep their rules."""

from dataclasses import replace

import numpy as np
import pytest

from markov import Inputs
from markov.report.live.formulas import term, where
from markov.report.live.grid import MARK
from markov.report.live.model import LiveModel, live_model
from markov.terms import State


@pytest.fixture(scope="module", params=["calgb", "myeloma_ix"])
def model(request: pytest.FixtureRequest) -> LiveModel:
    return live_model(request.getfixturevalue(request.param))


def formulas(model: LiveModel) -> dict[str, str]:
    """Every formula as it stands in its cell, by sheet and header or by name."""
    found = {}
    for grid in model.grids:
        for filled in grid.columns:
            assert filled.formula is not None
            text = filled.formula.text.replace(f"'{grid.name}'!", "")
            found[f"{grid.name}: {filled.header}"] = MARK.sub("1234", text)
    for listing in (model.values, model.stop_rates):
        found |= {line.name: line.formula.text for line in listing.lines if line.formula is not None}
    for block in model.results.blocks:
        for line in block.rows:
            found |= {f"{line.key} {i}": cell.text for i, cell in enumerate(line.cells)}
    return found


def test_every_formula_is_short(model: LiveModel) -> None:
    assert {where_: len(text) for where_, text in formulas(model).items() if len(text) >= 1000} == {}


def test_every_formula_is_short_under_long_ids_and_sheets_keep_apart(calgb: Inputs) -> None:
    """Ids of 31 characters, and labels that begin alike for longer than Excel's sheet names."""
    longer = {"lenalidomide": "lenalidomide_bortezomib_dexa_31", "no_maintenance": "observation_without_any_drug_31"}
    parameters = {}
    for identifier, parameter in calgb.parameters.items():
        renamed = ".".join(longer.get(part, part) for part in identifier.split("."))
        value = longer.get(str(parameter.value), parameter.value)
        parameters[renamed] = replace(parameter, id=renamed, value=value)
    strategies = tuple(
        replace(s, id=longer[s.id], label=f"Maintenance until progression: {s.label}") for s in calgb.strategies
    )
    bare = replace(calgb, parameters=parameters, strategies=strategies, scenarios=(), trial_results=())
    model = live_model(bare)
    assert max(len(text) for text in formulas(model).values()) < 1000
    names = [grid.name for grid in model.grids]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 31 for name in names)


def test_a_column_that_lags_behind_the_engine_is_named(model: LiveModel) -> None:
    for grid in model.grids:
        for filled in grid.columns:
            seeds = filled.column.value[: len(filled.values)]
            apart = np.abs(np.nan_to_num(filled.values) - seeds)
            assert np.all(apart <= 1e-10 * np.maximum(np.abs(seeds), 1.0)), f"{grid.name}: {filled.header} lags"


def test_arrivals_and_hazards_of_every_column_are_the_engines(model: LiveModel) -> None:
    trace = model.outcomes.trace
    assert trace is not None
    for i, live in enumerate(model.traces.values()):
        cycles = trace.occupancy.shape[2] - 1
        for j, state in enumerate(State):
            told = live.occupancy[state].value[: cycles + 1]
            assert np.allclose(told, trace.occupancy[0, i, :, j], rtol=0, atol=1e-12), f"occupancy of {state} lags"


def test_the_totals_of_the_mirror_are_the_engines(model: LiveModel) -> None:
    compared = 0
    for block in model.results.blocks:
        for line in block.rows:
            for cell, engine in zip(line.cells, line.engine or (), strict=False):
                assert float(cell.value) == pytest.approx(engine, rel=1e-9, abs=1e-13), f"{block.title}: {line.label}"
                compared += 1
    assert compared > 100


def test_a_number_other_than_0_1_2_cannot_be_typed() -> None:
    with pytest.raises(ValueError, match="only 0, 1 and 2"):
        term(3)


def test_brackets_stand_where_excel_needs_them() -> None:
    a, b, c = (term(x) for x in (1, 2, 1))
    assert ((a - (b - c)) * a).text == "(1-(2-1))*1"
    assert (a / (b / c)).text == "1/(2/1)"
    assert ((-a) ** b).text == "(-1)^2", "Excel reads −1^2 as (−1)^2: a minus before a power needs its brackets"
    assert (-(a**b)).text == "-(1^2)"
    assert where(a < b, a, "none").text == 'IF(1<2,1,"none")'
