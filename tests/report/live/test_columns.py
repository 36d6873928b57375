"""The live model before it is written: each column is the engine's, and the formulas keep their rules."""

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from markov import Inputs, evaluate, with_values
from markov.inputs.parameters import Columns
from markov.model import discounting
from markov.model.hazards import build_hazards
from markov.model.structure import MAINTENANCE_MODEL
from markov.report.live.formulas import term, where
from markov.report.live.grid import MARK, Grid
from markov.report.live.model import LiveModel, live_model
from markov.terms import Array, Discounting, State

from .switches import with_curve_from_progression


@pytest.fixture(scope="module")
def by_curve(calgb: Inputs) -> Inputs:
    """Deaths after progression by a curve, at an age at which the background is above it for many."""
    return with_values(with_curve_from_progression(calgb), {"cohort.age": 74.0})


@pytest.fixture(scope="module", params=["calgb", "myeloma_ix", "by_curve"])
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


def engine_columns(model: LiveModel) -> Iterator[tuple[str, str, Array, Array]]:
    """Sheet, header, the cells' values and the engine's, cycle by cycle, of what the engine hands out."""
    inputs, trace = model.inputs, model.outcomes.trace
    assert trace is not None
    hazards, cycles = build_hazards(Columns(inputs, {}, 1)), len(trace.boundaries) - 1
    middle = (trace.boundaries[1:] + trace.boundaries[:-1]) / 2
    method = Discounting(inputs.text("settings.discounting"))
    shared = {"Background increment": hazards.background[:, 0, 0]} | {
        f"At mid-cycle, {kind}": discounting.discount_factors(middle, discounting.discount_steps(inputs, kind), method)
        for kind in ("costs", "effects")
    }
    yield from compared(model.cycles.grid, shared, cycles)
    into = {state: [row for (_, to), row in MAINTENANCE_MODEL.row.items() if to == state] for state in State}
    for i, live in enumerate(model.traces.values()):
        told = {
            "PFS: increment as told": hazards.pfs[:, i, 0],
            "PFS: as used": hazards.floored[:, i, 0],
            "Progression": hazards.progression[:, i, 0],
            "Model: share on drug at the beginning": trace.share_on_drug[0, i],
            **{state.value: trace.occupancy[0, i, :, j] for j, state in enumerate(State)},
            "Arriving in progression": trace.flows[0, i][:, into[State.PROGRESSION]].sum(axis=1),
            "Arriving in spm_haematologic": trace.flows[0, i][:, into[State.SPM_HAEMATOLOGIC]].sum(axis=1),
            "Arriving in spm_solid": trace.flows[0, i][:, into[State.SPM_SOLID]].sum(axis=1),
            "Deaths": trace.flows[0, i][:, into[State.DEATH]].sum(axis=1),
        }
        yield from compared(live.grid, told, cycles)


def compared(grid: Grid, told: Mapping[str, Array], cycles: int) -> Iterator[tuple[str, str, Array, Array]]:
    """The columns of a sheet whose headers the engine knows, in the sheet's order."""
    for filled in grid.columns:
        if filled.header in told:
            yield grid.name, filled.header, np.asarray(filled.values)[:cycles], told[filled.header][:cycles]


def lagging(model: LiveModel) -> list[str]:
    """Columns that are not the engine's, and those whose formulas do not lead from the engine's occupancy to its next.

    In the order of the sheets: what lags first is where to look.
    """
    found = [
        f"{sheet}: {header}"
        for sheet, header, cells, engine in engine_columns(model)
        if not np.allclose(cells, engine, rtol=1e-9, atol=1e-12)
    ]
    for grid in model.grids:
        for filled in grid.columns:
            seeds = filled.column.value[: len(filled.values)]
            apart = np.abs(np.nan_to_num(filled.values) - seeds)
            if np.any(apart > 1e-10 * np.maximum(np.abs(seeds), 1.0)):
                found.append(f"{grid.name}: {filled.header}")
    return found


def test_no_column_lags_behind_the_engine(model: LiveModel) -> None:
    assert len(list(engine_columns(model))) > 20
    assert lagging(model) == []


def faster(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, its result a thousandth larger."""
    return lambda *given, **named: function(*given, **named) * 1.001


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ("markov.model.hazards._Background.increments", "Live cycles: Background increment"),
        ("markov.model.hazards.wane", "Live trace Lenalidomide: PFS: increment as told"),
        ("markov.model.discounting.discount_factors", "Live cycles: At mid-cycle, costs"),
        ("markov.model.after_progression.TimeSinceProgression._deaths", "Live trace No maintenance: progression"),
    ],
)
def test_a_change_of_the_engine_is_named_at_its_column(
    changed: str, first: str, by_curve: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    waning = {"pfs.waning_start.lenalidomide": 6.0, "pfs.waning_end.lenalidomide": 30.0}
    inputs = with_values(by_curve, {"settings.horizon_years": 4.0, **waning})
    place, _, name = changed.rpartition(".")
    monkeypatch.setattr(changed, faster(getattr(pkgutil.resolve_name(place), name)))
    assert lagging(live_model(inputs))[0] == first


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


def test_every_number_and_word_that_a_run_reads_stands_once_on_live_inputs(
    model: LiveModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = set[str]()
    value = Inputs.value

    def recorded(self: Inputs, identifier: str) -> float | str | None:
        read.add(identifier)
        return value(self, identifier)

    monkeypatch.setattr(Inputs, "value", recorded)
    evaluate(model.inputs)
    monkeypatch.undo()
    fixed = {row.id for row, _ in model.live.fixed}
    rows = [row.id for section in model.live.sections.values() for row in section]
    assert len(rows) == len(set(rows))
    given = {identifier for identifier in read if value(model.inputs, identifier) not in (None, "")}
    assert len(given) > 60
    assert given - set(rows) - fixed == {"settings.currency"}  # no formula uses the word
    for identifier in given & set(rows):
        row, parameter = model.live.rows[identifier], model.inputs.parameters.get(identifier)
        assert row.value == value(model.inputs, identifier)
        assert parameter is None or not parameter.unit or row.unit == parameter.unit, identifier
