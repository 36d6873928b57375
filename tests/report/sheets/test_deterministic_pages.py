"""The sheets of the sensitivity analyses: what they show is what was computed, and nothing is left out."""

import datetime
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from markov import BaseCase, base_case, read_inputs, write_report
from markov.analysis import together
from markov.analysis.incremental import PairwiseRow, Quadrant
from markov.analysis.sensitivity.everything import Deterministic, deterministic
from markov.analysis.sensitivity.one_way import Bar, Factor, Member, OneWay
from markov.analysis.sensitivity.scenarios import scenarios
from markov.analysis.sensitivity.two_way import Axis, BorderPoint, TwoWay
from markov.inputs.parameters import Inputs, ScenarioChange, Value, with_values
from markov.inputs.rules.between_values import scenario_changes, scenario_names
from markov.inputs.writing.template import shipped
from markov.model.evaluate import evaluate, evaluate_side_by_side
from markov.model.structure import MAINTENANCE_MODEL
from markov.report import words
from markov.report.json import as_data
from markov.report.page import Page, Table, Text
from markov.report.reports import report_pages
from markov.report.sheets.applicability import TOPICS, applicability_page
from markov.report.sheets.assumptions import assumptions_page
from markov.report.sheets.benefit_and_risk import benefit_risk_page
from markov.report.sheets.scenarios import scenario_pages
from markov.report.sheets.severity import severity_page
from markov.report.sheets.summary import summary_page
from markov.report.sheets.threshold import threshold_page
from markov.report.sheets.tornado import tornado_page
from markov.report.sheets.treatment import malignancy_page, treatment_page
from markov.report.sheets.two_way import TINTS, two_way_page
from markov.terms import MALIGNANCIES, Array, State
from tests import ROOT

SHEETS = [
    "Scenarios",
    "Scenario inputs",
    "Tornado",
    "Two-way",
    "Threshold",
    "Severity",
    "Benefit and risk",
    "Treatment",
    "Second malignancies",
    "Applicability",
    "Assumptions",
    "Glossary",
]


@pytest.fixture(scope="module")
def base(calgb: Inputs) -> BaseCase:
    return base_case(calgb)


@pytest.fixture(scope="module")
def found(calgb: Inputs, base: BaseCase) -> Deterministic:
    return deterministic(calgb, base)


@pytest.fixture(scope="module", params=["calgb", "mm015"])
def case(request: pytest.FixtureRequest, base: BaseCase, found: Deterministic) -> tuple[BaseCase, Deterministic]:
    """One workbook whose deaths follow survival curves, and one in which they are a rate after progression."""
    if request.param == "calgb":
        return base, found
    inputs = read_inputs(shipped(request.param))
    other = base_case(inputs)
    return other, deterministic(inputs, other)


def tables(page: Page) -> dict[str, Table]:
    return {block.key: block for block in page.blocks if isinstance(block, Table)}


def column(table: Table, header: str) -> list[Any]:
    """Cells of the first column whose header begins so."""
    place = next(i for i, each in enumerate(table.columns) if each.header.startswith(header))
    return [row[place] for row in table.rows]


# ------------------------------------------------------------------------------------------- runs that are shared


@pytest.mark.parametrize("name", ["calgb", "myeloma_ix"])
def test_scenarios_run_together_give_what_each_gives_by_itself(name: str, request: pytest.FixtureRequest) -> None:
    inputs: Inputs = request.getfixturevalue(name)
    asked = [with_values(inputs, scenario_changes(inputs, each)) for each in scenario_names(inputs)][::2]
    for changed, answer in zip(asked, together.evaluate_together([(each, {}) for each in asked]), strict=True):
        alone = evaluate(changed)
        assert not isinstance(answer, Exception)
        for part in ("costs", "qalys", "life_years", "entries", "time_on_treatment"):
            np.testing.assert_allclose(getattr(answer, part), getattr(alone, part), rtol=1e-12, atol=1e-13)
        assert answer.curves["os"].median == pytest.approx(alone.curves["os"].median, rel=1e-12, nan_ok=True)


def test_an_adverse_event_that_only_one_of_them_has_is_counted_there(calgb: Inputs) -> None:
    """Half of the starters have an event of GBP 1,000 at the start of treatment: GBP 500 more, undiscounted there."""
    added = with_values(calgb, {"adverse_event.proportion.rash.lenalidomide": 0.5, "adverse_event.cost.rash": 1000.0})
    before, after = together.evaluate_together([(calgb, {}), (added, {})])
    assert not isinstance(before, Exception) and not isinstance(after, Exception)
    assert (after.cost - before.cost)[0].tolist() == pytest.approx([0.0, 500.0], abs=1e-6)


def test_what_differs_in_numbers_alone_shares_a_block_and_a_choice_of_method_does_not(
    calgb: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def counted(asked: Any) -> Any:
        found = evaluate_side_by_side(asked)
        runs.extend(outcomes.runs for outcomes in found)
        return found

    monkeypatch.setattr(together, "evaluate_side_by_side", counted)
    changes: list[dict[str, Value]] = [
        {"utility.progression": 0.5},
        {"settings.correction": "start"},
        {"cost.event.death": 0.0},
    ]
    asked: list[tuple[Inputs, dict[str, Array]]] = [(with_values(calgb, each), {}) for each in changes]
    together.evaluate_together(asked)
    assert sorted(runs) == [1, 2]


def test_one_question_that_fails_does_not_take_the_others_with_it(calgb: Inputs) -> None:
    wrong_length = {"utility.progression": np.array([0.5, 0.6]), "cost.event.death": np.array([1.0, 2.0, 3.0])}
    first, second, third = together.evaluate_together([(calgb, {}), (calgb, wrong_length), (calgb, {})])
    assert isinstance(second, ValueError)
    assert not isinstance(first, Exception) and not isinstance(third, Exception)
    assert first.qaly == pytest.approx(evaluate(calgb).qaly, rel=1e-12)


def test_a_helper_process_returns_the_scenarios_to_the_last_digit(calgb: Inputs, found: Deterministic) -> None:
    assert found.scenarios == scenarios(calgb)


# ------------------------------------------------------------------------------------------------------ scenarios


def test_every_scenario_stands_beside_the_base_case_with_its_own_numbers(found: Deterministic) -> None:
    page, inputs_page = scenario_pages(found.scenarios)
    table = tables(page)["all_lenalidomide"]
    assert column(table, "Scenario") == ["Base case", *(s.name for s in found.scenarios.scenarios)]
    for name, *cells in table.rows[1:]:
        own = next(s.own for s in found.scenarios.scenarios if s.name == name)
        assert own is not None
        (reference, drug) = own.strategies
        assert cells[0] == pytest.approx(drug.cost - reference.cost)
        assert cells[1] == pytest.approx(drug.qaly - reference.qaly)
        for t, threshold in enumerate(own.thresholds):
            gained = threshold * (drug.qaly - reference.qaly) - (drug.cost - reference.cost)
            assert cells[3 + t] == pytest.approx(gained, abs=1e-6)
            assert cells[5 + t] == pytest.approx(gained - table.rows[0][4 + t], abs=1e-6)  # type: ignore[operator]
    rows = sum(len(s.changes) for s in found.scenarios.scenarios)
    assert len(tables(inputs_page)["changes"].rows) == rows


def test_scenarios_in_favour_and_against_are_counted_from_the_signs_that_are_shown(found: Deterministic) -> None:
    page, _ = scenario_pages(found.scenarios)
    changes = column(tables(page)["all_lenalidomide"], "Change from base at £25,000")[1:]
    (counted,) = [r for r in tables(page)["balance"].rows if r[1] == 25000.0 and r[2] == "as set"]
    assert counted[4:6] == (sum(c > 0 for c in changes), sum(c < 0 for c in changes))
    lead = next(block.words for block in page.blocks if not isinstance(block, Table | tuple))
    assert f"{counted[4]} favour lenalidomide, {counted[5]} speak against it" in lead


def test_applicability_names_the_scenarios_that_change_the_decision_threshold_by_threshold(
    base: BaseCase, found: Deterministic
) -> None:
    inputs, scenarios = base.inputs, found.scenarios
    lead = next(b.words for b in applicability_page(inputs, scenarios).blocks if isinstance(b, Text))
    (all_of_them,) = [t for k, t in tables(scenario_pages(scenarios)[0]).items() if k == "all_lenalidomide"]
    for threshold in ("£25,000", "£35,000"):
        told = lead.split(f"At {threshold} per QALY the decision changes in ")[1].split(".")[0]
        named = {row[0] for row in all_of_them.rows if f"at {threshold}" in str(row[-1])}
        assert set(told.replace("“", "").replace("”", "").split("; ")) == (named or {"none of them"})


def test_a_changed_decision_is_named_and_shaded_and_no_other(found: Deterministic) -> None:
    page, _ = scenario_pages(found.scenarios)
    table = tables(page)["all_lenalidomide"]
    for row, tints in zip(table.rows, table.tints, strict=True):
        changed = (row[3 + 1] > 0) != (table.rows[0][4] > 0) or (row[5] > 0) != (table.rows[0][5] > 0)  # type: ignore[operator]
        assert bool(row[-1]) is bool(tints[-1]) is changed, row[0]
    assert any(tints[-1] for tints in table.tints)


def test_a_scenario_that_cannot_run_is_listed_with_its_reason(calgb: Inputs) -> None:
    rows = (ScenarioChange("Utility of 2", "utility.progression", 2.0), calgb.scenarios[-1])
    page, _ = scenario_pages(scenarios(replace(calgb, scenarios=rows)))
    ((name, why),) = tables(page)["failures"].rows
    assert name == "Utility of 2"
    assert "must be at most 1" in str(why)
    assert [r[0] for r in tables(page)["all_lenalidomide"].rows] == ["Base case", calgb.scenarios[-1].scenario]


# -------------------------------------------------------------------------------------------------------- tornado


def bar(name: str, points: tuple[float, ...], decisions: tuple[str, ...] = ("old",) * 3) -> Bar:
    factor = Factor(name, name.title(), (Member(name, name.title(), "", 1.0, 0.5, 2.0, "assumption"),), {})
    pair = PairwiseRow("new", "old", 500.0, 0.6, Quadrant.MORE_COSTLY_MORE_EFFECTIVE, 500.0 / 0.6)
    return Bar(factor, "new", 1000.0, 100.0, points, pair, pair, decisions, "old")


def one_way_of(*bars: Bar) -> OneWay:
    return OneWay(("old", "new"), {"old": "Old", "new": "New"}, "EUR", (1000.0,), bars)


def test_a_bar_runs_from_the_base_case_to_both_ends_and_bends_are_flagged() -> None:
    straight, bent = bar("straight", (40.0, 90.0, 160.0)), bar("bent", (120.0, 60.0, 130.0))
    table = tables(tornado_page(one_way_of(straight, bent)))["bars_new_1000"]
    ends = {row[0]: row[8:10] for row in table.rows}
    assert ends["Straight"] == (-60.0, 60.0)
    assert ends["Bent"] == (0.0, 30.0), "two ends on one side are not added up"
    remarks = dict(zip(column(table, "Input"), column(table, "Evidence"), strict=True))
    assert "bends" in remarks["Bent"] and "bends" not in remarks["Straight"]
    assert column(table, "Swing") == [120.0, 70.0]


def test_a_bar_that_changes_the_decision_says_to_what() -> None:
    turning = bar("turning", (-10.0, 90.0, 160.0), ("old", "old", "new"))
    page = tornado_page(one_way_of(turning))
    table = tables(page)["bars_new_1000"]
    assert "decision changes to new" in str(table.rows[0][-1])
    assert table.tints[0][-1]


def test_the_tornado_shows_fifteen_bars_at_most_largest_first_at_each_threshold(found: Deterministic) -> None:
    page = tornado_page(found.one_way)
    for threshold in (25000, 35000):
        swings = column(tables(page)[f"bars_lenalidomide_{threshold}"], "Swing")
        assert swings == sorted(swings, reverse=True)
        assert 10 <= len(swings) <= 15
    assert len([chart for block in page.blocks if isinstance(block, tuple) for chart in block]) == 2


# -------------------------------------------------------------------------------------------------------- two-way


def test_cells_take_the_colour_of_the_best_strategy(found: Deterministic) -> None:
    (grid,) = found.two_way
    page = two_way_page(found.two_way)
    for t in range(2):
        table = tables(page)[f"grid_0_{t}"]
        for row, tints in zip(table.rows, table.tints, strict=True):
            for gained, tint in zip(row[1:], tints[1:], strict=True):
                assert tint == TINTS[int(gained > 0)]  # type: ignore[operator]
    assert {tint for row in table.tints for tint in row[1:]} == set(TINTS[:2])
    assert grid.second.values[-1] >= 1.0, "no effect on survival is on the grid"


def test_points_of_a_border_are_joined_in_order_whatever_the_order_in_which_they_were_found() -> None:
    side = (
        Axis("price.x.brand", "Price", "EUR per pack", 1.0, (0.0, 10.0)),
        Axis("b.c", "Ratio", "ratio", 0.5, (0.0, 1.0)),
    )
    points = tuple(BorderPoint(1000.0, 10.0 * x, x, ("new", "old")) for x in (0.9, 0.1, 0.5, 0.3, 0.7))
    best = ((("old", "old"), ("old", "new")),)
    zero = np.zeros((2, 2, 2))
    labels = {"old": "Old", "new": "New"}
    grid = TwoWay(*side, ("old", "new"), labels, "EUR", (1000.0,), zero, zero, best, points)
    rows = tables(two_way_page([grid]))["border_0"].rows
    assert [row[2] for row in rows[:-1]] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert rows[-1][0] == "Base case"


# ------------------------------------------------------------------------------------- thresholds, severity, harms


def test_a_price_is_the_list_price_less_its_discount_and_leaves_no_net_benefit(
    calgb: Inputs, found: Deterministic
) -> None:
    page = threshold_page(calgb, found.prices, found.follow_up, found.thresholds)
    table = tables(page)["prices"]
    for row in table.rows:
        _, _, threshold, full, price, discount, gained, at_list, left, _ = row
        assert price == pytest.approx(full * (1.0 - discount))  # type: ignore[operator]
        assert left == pytest.approx(0.0, abs=1e-6)
        changed = with_values(calgb, {"price.lenalidomide_10mg.brand": price})
        benefit = evaluate(changed).net_benefit(float(str(threshold)))[0]
        assert benefit[1] == pytest.approx(benefit[0], abs=1e-3)
        assert float(str(at_list)) < 0.0 < float(str(gained))


def test_the_price_by_assumed_survival_has_the_base_case_first_and_a_row_for_each_assumption(
    calgb: Inputs, found: Deterministic
) -> None:
    page = threshold_page(calgb, found.prices, found.follow_up, found.thresholds)
    table = tables(page)["follow_up_lenalidomide"]
    names = column(table, "Assumption")
    assert names[0] == "Base case"
    assert {"OS hazard ratio 0.5", "OS hazard ratio 1", "OS effect never wanes"} <= set(names)
    gained = dict(zip(names, column(table, "QALYs"), strict=True))
    assert gained["OS hazard ratio 0.5"] > gained["OS hazard ratio 1"]
    assert table.rows[0][2] == tables(page)["prices"].rows[0][4]


def test_a_threshold_value_makes_net_benefit_0_in_a_run_with_it(calgb: Inputs, found: Deterministic) -> None:
    shown = [value for value in found.thresholds if value.value is not None]
    assert shown
    for value in shown:
        changed = with_values(calgb, dict.fromkeys(value.question.axis.ids, value.value))
        benefit = evaluate(changed).net_benefit(value.question.threshold)[0]
        assert benefit[1] - benefit[0] == pytest.approx(0.0, abs=0.5)


def test_the_shortfall_is_the_population_less_current_care(found: Deterministic) -> None:
    rows = {str(row[0]): row[1] for row in tables(severity_page(found.severity, "GBP"))["shortfall"].rows}
    people, care = rows["General population: QALYs, discounted"], rows["No maintenance: QALYs, discounted"]
    assert rows["Absolute shortfall"] == pytest.approx(people - care)  # type: ignore[operator]
    assert rows["Proportional shortfall"] == pytest.approx(1.0 - care / people)  # type: ignore[operator]
    assert rows["Weight, the higher of the two"] == 1.0


def test_periods_add_up_to_life_and_the_grid_follows_from_them(calgb: Inputs, found: Deterministic) -> None:
    page = benefit_risk_page(found.benefit_risk, calgb)
    periods = tables(page)["periods"]
    for _, tox, twist, rel, alive, *_ in periods.rows:
        assert tox + twist + rel == pytest.approx(alive)  # type: ignore[operator]
    deltas = [periods.rows[1][k] - periods.rows[0][k] for k in (1, 2, 3)]  # type: ignore[operator]
    for utility, *gains in tables(page)["q_twist_lenalidomide"].rows:
        for j, gained in enumerate(gains):
            assert gained == pytest.approx(deltas[1] + utility * deltas[0] + 0.25 * j * deltas[2])  # type: ignore[operator]


# --------------------------------------------------------------------------------------------------- plausibility


def test_second_malignancies_are_entries_and_deaths_of_the_trace(base: BaseCase, found: Deterministic) -> None:
    trace, second = base.outcomes.trace, found.malignancies
    assert trace is not None
    entered = sum(base.outcomes.entered(state)[0] for state in MALIGNANCIES)
    assert second.ever == pytest.approx(entered, rel=1e-12)
    dead = [0.0, 0.0]  # one cycle after the other
    for i in range(2):
        for k in range(len(trace.boundaries) - 1):
            for state in MALIGNANCIES:
                dead[i] += trace.flows[0, i, k, MAINTENANCE_MODEL.row[state, State.DEATH]]
    assert second.ever_deaths == pytest.approx(dead, rel=1e-12)
    alive_with_one = trace.occupancy[0, :, -1, 3:5].sum(axis=1)
    assert second.ever - second.ever_deaths == pytest.approx(alive_with_one, abs=1e-12)
    told = tables(malignancy_page(base, second))["reported"]
    assert len(told.rows) == sum(c.result.endpoint == "spm" for c in base.trial)


def test_reported_time_on_treatment_and_stops_stand_beside_the_models(base: BaseCase) -> None:
    page = treatment_page(base)
    shown = tables(page)["reported"]
    wanted = [c for c in base.trial if c.result.endpoint in ("time_on_treatment", "discontinuation")]
    assert column(shown, "Reported") == [c.result.value for c in wanted]
    assert column(shown, "Modelled") == pytest.approx([c.modelled for c in wanted])
    drug = tables(page)["treatment"].rows[1]
    assert drug[7] == pytest.approx(drug[2] * drug[8])  # type: ignore[operator]


def test_every_scenario_of_a_topic_is_a_switch_once(calgb: Inputs, found: Deterministic) -> None:
    page = applicability_page(calgb, found.scenarios)
    listed = [
        str(row[0]) for t in page.blocks if isinstance(t, Table) and t.key != "behind" for row in t.rows if row[0]
    ]
    assert len(set(listed)) == len(listed)
    starts = tuple(start for _, each in TOPICS.values() for start in each)
    wanted = {s.name for s in found.scenarios.scenarios if any(c.id.startswith(starts) for c in s.changes)}
    assert set(listed) == wanted


def test_every_weak_input_is_an_assumption_once_the_most_influential_first(calgb: Inputs, found: Deterministic) -> None:
    page = assumptions_page(calgb, found.one_way, found.scenarios)
    varied, fixed = tables(page)["varied"], tables(page)["fixed"]
    listed = [*column(varied, "Id"), *column(fixed, "Id")]
    assert sorted(listed) == sorted(p.id for p in words.weak(calgb.parameters.values()))
    effects = column(varied, "Effect")
    assert effects == sorted(effects, reverse=True)
    assert all(row[-1] for row in (*varied.rows, *fixed.rows)), "each says why"
    swings = {b.factor.name: b.swing for b in found.one_way.tornado(25000.0, "lenalidomide", None)}
    shown = dict(zip(column(varied, "Id"), effects, strict=True))
    assert shown["toxicity.proportion.lenalidomide"] == swings["toxicity.proportion.lenalidomide"]


# ----------------------------------------------------------------------------------------- the report as a whole


def test_the_report_holds_the_sheets_in_order_and_every_cell_is_finite(
    case: tuple[BaseCase, Deterministic], tmp_path: Path
) -> None:
    path = write_report(case[0], tmp_path / "report.xlsx", deterministic=case[1], live=False)
    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    shown = [name for name in book.sheetnames if name in SHEETS]
    assert shown == SHEETS
    assert book.sheetnames[0] == "Summary"
    for name in SHEETS:
        values = [value for row in book[name].iter_rows(values_only=True) for value in row]
        assert not [v for v in values if isinstance(v, float) and not math.isfinite(v)], name
        assert not [v for v in values if isinstance(v, str) and re.search(r"\bnan\b|\binf\b|^None$|np\.", v)], name
        assert len([v for v in values if v is not None]) > 30, name


def test_every_chart_draws_rows_that_are_there(case: tuple[BaseCase, Deterministic]) -> None:
    pages = report_pages(case[0], "", 0.0, datetime.datetime.now(datetime.UTC), case[1])
    known = {(page.name, block.key): block for page in pages for block in page.blocks if isinstance(block, Table)}
    charts = [chart for page in pages for block in page.blocks if isinstance(block, tuple) for chart in block]
    for series in (series for chart in charts for series in chart.series):
        table = known[series.page, series.table]
        last = len(table.rows) - 1 if series.last is None else series.last
        assert 0 <= series.first <= last < len(table.rows)
        assert max(series.x, series.y) < len(table.columns)
    assert all(chart.title and not chart.title.endswith(".") for chart in charts)


def test_tables_are_rectangles_and_units_stand_in_headers(case: tuple[BaseCase, Deterministic]) -> None:
    pages = report_pages(case[0], "", 0.0, datetime.datetime.now(datetime.UTC), case[1])
    for table in (block for page in pages if page.name in SHEETS for block in page.blocks if isinstance(block, Table)):
        assert all(len(row) == len(table.columns) for row in table.rows), table.title
        assert not table.tints or [len(t) for t in table.tints] == [len(table.columns)] * len(table.rows), table.title
        money = [c.header for c in table.columns if c.look == "money" and not table.key.startswith("grid")]
        assert all("GBP" in header for header in money), table.title


def test_the_summary_counts_scenarios_and_names_the_price(base: BaseCase, found: Deterministic) -> None:
    text = " ".join(block.words for block in summary_page(base, found).blocks if not isinstance(block, Table | tuple))
    assert f"{len(found.scenarios.scenarios)} scenarios" in text
    assert "matters most" in text
    assert "worth it from a discount of" in text
    assert "scenarios" not in " ".join(b.words for b in summary_page(base).blocks if not isinstance(b, Table | tuple))


# ------------------------------------------------------------------------------------------------- JSON and command


def keys_of(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield key
            yield from keys_of(value)
    elif isinstance(data, list) and data:
        for value in data:
            yield from keys_of(value)


def test_every_key_of_the_json_is_documented(base: BaseCase, found: Deterministic) -> None:
    told = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    data = as_data(base, deterministic=found, trace=True)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    names = set(base.inputs.parameters) | set(base.inputs.labels) | {b.factor.name for b in found.one_way.bars}
    by_name = {
        "by_state",
        "by_category",
        "events",
        "occupancy",
        "settings",
        "landmarks_by_year",
        "counts",
        "parameters",
    }
    documented = set(re.findall(r"`([a-z0-9_]+)`", told))
    for key in data:
        assert key in documented, key
    pruned = {k: v for k, v in data.items() if k not in ("settings", "parameters", "trace")}
    pruned["strategies"] = [{k: v for k, v in s.items() if k not in by_name} for s in data["strategies"]]
    for strategy in pruned["strategies"]:
        for part in ("life_years", "qalys", "costs"):
            strategy[part] = {k: v for k, v in strategy[part].items() if k not in by_name}
        strategy["survival"] = {
            k: {n: v for n, v in curve.items() if n not in by_name} for k, curve in strategy["survival"].items()
        }
    missing = {key for key in keys_of(pruned) if key not in documented and key not in names}
    assert missing <= {"brand", "generic", "1"}, missing


def test_the_json_has_the_numbers_of_the_sheets(found: Deterministic, base: BaseCase) -> None:
    data = as_data(base, deterministic=found)
    assert [s["name"] for s in data["scenarios"]["list"]] == [s.name for s in found.scenarios.scenarios]
    first = data["one_way"]["bars"][0]
    assert first["swing"] == max(*first["points"], first["base"]) - min(*first["points"], first["base"])
    assert first["factor"] in data["one_way"]["factors"]
    grid = data["two_way"][0]
    assert np.shape(grid["cost"]) == (len(grid["first"]["values"]), len(grid["second"]["values"]), 2)
    assert "scenarios" not in as_data(base)


def test_base_only_leaves_the_sensitivity_analyses_out_and_the_full_report_in_place(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "markov", "run", str(shipped("calgb_100104")), "--json", "numbers.json"]
    for extra, word in (([], "report"), (["--base-only"], "base")):
        done = subprocess.run([*command, *extra], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        path = tmp_path / "reports" / f"calgb_100104.{word}.xlsx"
        names = openpyxl.load_workbook(path, read_only=True).sheetnames
        numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
        assert ("Tornado" in names) is ("scenarios" in numbers) is (not extra)
    assert len(list((tmp_path / "reports").glob("*.xlsx"))) == 2
