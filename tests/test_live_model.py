"""The live model in LibreOffice: every stored value spoilt, every formula calculated again, every total the engine's.

The ordinary run takes the shipped workbooks, one edit of each kind of parameter, and a set of switches in which every
two values meet. All combinations of two switches at a time on both workbooks, and a weekly model of four strategies,
take longer:

    MARKOV_LIVE=all pytest tests/test_live_model.py
"""

import itertools
import os
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape, unescape
from pathlib import Path

import openpyxl
import pytest

from markov import Inputs, Outcomes, evaluate, read_inputs, with_values
from markov.inputs.parameters import Strategy
from markov.inputs.template import shipped, worked_names
from markov.report.live.model import live_model, why_not_live
from markov.report.live.writer import write_live_workbook
from markov.terms import LIVING, CostCategory, QalyComponent, State

pytestmark = [
    pytest.mark.libreoffice,
    pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed"),
]
ALL = os.environ.get("MARKOV_LIVE") == "all"
SPOILT = "1234.5"
TOLERANCE = 1e-9
FORMULA = re.compile(r'<c r="([A-Z]+\d+)"( s="\d+")?(?: t="\w+")?>(<f(?: [^>]*)?(?:/>|>[^<]*</f>))<v>[^<]*</v></c>')
ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>"""
Edits = Mapping[str, float | str]


# --------------------------------------------------------------------------------------- spoil, edit, recalculate


def spoil(source: Path, target: Path, edits: Edits) -> None:
    """A copy with wrong stored values beside all formulas, and other values in some input cells."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    names, sheets = places(files["xl/workbook.xml"].decode())
    for name in [name for name in files if name.startswith("xl/worksheets/sheet")]:
        files[name] = FORMULA.sub(rf'<c r="\1"\2>\3<v>{SPOILT}</v></c>', files[name].decode()).encode()
    for identifier, value in edits.items():
        sheet, _, cell = names[identifier].replace("$", "").rpartition("!")
        path = sheets[sheet.strip("'")]
        files[path] = edited(files[path].decode(), cell, value).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def places(book: str) -> tuple[dict[str, str], dict[str, str]]:
    """Cells by defined name, and files by sheet."""
    names = re.findall(r'<definedName[^>]* name="([^"]+)"[^>]*>([^<]+)</definedName>', book)
    sheets = re.findall(r'<sheet name="([^"]+)"', book)
    files = {unescape(name): f"xl/worksheets/sheet{i}.xml" for i, name in enumerate(sheets, start=1)}
    return {name: unescape(text) for name, text in names}, files


def edited(sheet: str, cell: str, value: float | str) -> str:
    """A sheet's XML with another value in a cell."""
    content = f"<is><t>{escape(value)}</t></is>" if isinstance(value, str) else f"<v>{value!r}</v>"
    kind = ' t="inlineStr"' if isinstance(value, str) else ""
    pattern = rf'<c r="{cell}"( s="\d+")?(?: t="\w+")?(?:/>|>.*?</c>)'
    changed, found = re.subn(pattern, rf'<c r="{cell}"\1{kind}>{content}</c>', sheet, count=1)
    assert found == 1, cell
    return changed


def recalculate(files: Sequence[Path], folder: Path) -> None:
    """Open workbooks in LibreOffice, set to recalculate whatever it loads, and save them again."""
    settings = folder / "profile" / "user" / "registrymodifications.xcu"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(ALWAYS, encoding="utf-8")
    profile = f"-env:UserInstallation=file://{folder}/profile"
    kind = ["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "done")]
    command = ["soffice", "--headless", profile, *kind, *map(str, files)]
    subprocess.run(command, capture_output=True, check=True, timeout=3000)


def results(path: Path) -> dict[str, object]:
    """Values of the cells named result.…"""
    with zipfile.ZipFile(path) as archive:
        names, _ = places(archive.read("xl/workbook.xml").decode())
    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    cells = {cell.coordinate: cell.value for row in book["Live results"].iter_rows() for cell in row if cell.value}
    wanted = {name: text.rpartition("!")[2].replace("$", "") for name, text in names.items() if name[:7] == "result."}
    return {name: cells.get(address, 0.0) for name, address in wanted.items() if ":" not in address}


def told(outcomes: Outcomes, inputs: Inputs) -> Iterator[tuple[str, float]]:
    """The engine's totals under the names of the cells."""
    for i, s in enumerate(outcomes.strategies):
        yield f"result.cost.{s}", outcomes.cost[0, i]
        yield f"result.qaly.{s}", outcomes.qaly[0, i]
        yield f"result.life_years.{s}", outcomes.life_year[0, i]
        yield f"result.treated.undiscounted.{s}", outcomes.time_on_treatment[0, i]
        for n, threshold in enumerate(inputs.thresholds, start=1):
            yield f"result.net_benefit_{n}.{s}", outcomes.net_benefit(threshold)[0, i]
        for schedule, costs, effects in ((0, "undiscounted", "undiscounted"), (1, "costs", "effects")):
            for n, category in enumerate(CostCategory):
                yield f"result.cost.{costs}.{category}.{s}", outcomes.costs[0, i, schedule, n]
            for n, state in enumerate(LIVING):
                yield f"result.qaly.{effects}.state.{state}.{s}", outcomes.qalys[0, i, schedule, n]
                yield f"result.years.{effects}.{state}.{s}", outcomes.life_years[0, i, schedule, n]
            for n, component in enumerate(QalyComponent):
                yield f"result.qaly.{effects}.component.{component}.{s}", outcomes.qaly_components[0, i, schedule, n]
        for arrived in (State.PROGRESSION, State.SPM_HAEMATOLOGIC, State.SPM_SOLID, State.DEATH):
            yield f"result.arrivals.undiscounted.{arrived}.{s}", outcomes.entries[0, i, list(State).index(arrived)]


def differing(path: Path, changed: Inputs) -> list[str]:
    """Totals of a recalculated workbook that are not the engine's."""
    found, wrong = results(path), []
    for name, engine in told(evaluate(changed), changed):
        value = found[name]
        scale = TOLERANCE * abs(engine) + 1e-12 * (name.startswith("result.net_benefit") * 1e6)
        if not isinstance(value, (int, float)) or abs(value - engine) > scale + 1e-15:
            wrong.append(f"{name}: {value} instead of {engine}")
    return wrong


def disagreements(inputs: Inputs, edits: Sequence[Edits], folder: Path) -> list[str]:
    """Write once, edit each way, recalculate all, and compare each with the engine under the same changes."""
    source = write_live_workbook(inputs, folder / "live.xlsx")
    files = [folder / f"edit_{n}.xlsx" for n in range(len(edits))]
    for file, changes in zip(files, edits, strict=True):
        spoil(source, file, changes)
    recalculate(files, folder)
    wrong = []
    for file, changes in zip(files, edits, strict=True):
        found = differing(folder / "done" / file.name, with_values(inputs, dict(changes)))
        wrong += [f"{dict(changes)}: {line}" for line in found[:3]]
    return wrong


# --------------------------------------------------------------------------------------- as shipped


@pytest.mark.parametrize("name", worked_names())
def test_a_shipped_workbook_recalculated_gives_every_total_of_the_engine(name: str, tmp_path: Path) -> None:
    assert disagreements(read_inputs(shipped(name)), [{}], tmp_path) == []


def test_spoilt_values_are_seen_where_nothing_is_recalculated(calgb: Inputs, tmp_path: Path) -> None:
    short = with_values(calgb, {"settings.horizon_years": 1.0})
    source = write_live_workbook(short, tmp_path / "live.xlsx")
    spoil(source, tmp_path / "spoilt.xlsx", {})
    assert results(tmp_path / "spoilt.xlsx")["result.cost.lenalidomide"] == float(SPOILT)
    assert len(differing(tmp_path / "spoilt.xlsx", short)) > 50


def test_the_check_sheet_says_equal_and_after_an_edit_that_inputs_changed(calgb: Inputs, tmp_path: Path) -> None:
    short = with_values(calgb, {"settings.horizon_years": 1.0})
    source = write_live_workbook(short, tmp_path / "live.xlsx")
    files = {"equal": {}, "inputs changed": {"utility.progression": 0.5}, "rows": {"settings.horizon_years": 30.0}}
    for name, edits in files.items():
        spoil(source, tmp_path / f"{name}.xlsx", edits)
    recalculate([tmp_path / f"{name}.xlsx" for name in files], tmp_path)
    for name in files:
        book = openpyxl.load_workbook(tmp_path / "done" / f"{name}.xlsx", data_only=True, read_only=True)
        assert str(book["Live check"]["B7"].value).startswith(name)


# --------------------------------------------------------------------------------------- edits of every kind


def edits_of_every_kind(inputs: Inputs, seed: int) -> list[Edits]:
    """For each kind of number of the schema, one cell of its kind, picked and moved by chance."""
    chance, kinds = random.Random(seed), dict[str, list[str]]()
    live = live_model(inputs).live
    fixed_here = ("settings.cycle_days", "settings.price_year", "dose.interval")
    for row in (row for rows in live.sections.values() for row in rows):
        parameter = inputs.parameters.get(row.id)
        usable = isinstance(row.value, float) and parameter is not None and not row.id.startswith(fixed_here)
        if usable and parameter is not None:
            kinds.setdefault(parameter.definition.pattern, []).append(row.id)
    found: list[Edits] = []
    for identifiers in kinds.values():
        identifier = chance.choice(identifiers)
        quantity, value = inputs.parameters[identifier].definition.quantity, inputs.value(identifier)
        assert quantity is not None
        assert isinstance(value, float)
        moved = value * chance.uniform(0.75, 1.2) if value else 0.05 * (-1.0 if quantity.high <= 0 else 1.0)
        moved = min(max(moved, quantity.low), quantity.high)
        if identifier == "settings.horizon_years":
            moved = 0.8 * value  # a longer one needs rows that were not written
        found.append({identifier: moved})
    return found


@pytest.mark.parametrize(("name", "seed"), [("calgb_100104", 11), ("myeloma_ix", 12)])
def test_an_edit_of_each_kind_of_parameter_equals_the_engine_under_the_same_change(
    name: str, seed: int, tmp_path: Path
) -> None:
    inputs = with_values(read_inputs(shipped(name)), {"settings.horizon_years": 6.0})
    edits = edits_of_every_kind(inputs, seed)
    assert len(edits) >= 30
    assert disagreements(inputs, edits, tmp_path) == []


# --------------------------------------------------------------------------------------- switches


def switches(inputs: Inputs) -> dict[str, list[Edits]]:
    """Alternatives of each switch; the first is that of the shipped workbooks."""
    s = next(s for s in inputs.compared if s != inputs.reference)
    family, median = f"pfs.family.{s}", {f"pfs.median.{s}": 30.0}
    return {
        "after progression": [
            {"settings.post_progression": "overall_survival"},
            {"settings.post_progression": "rate", "settings.post_progression_rate": "common"},
            {"settings.post_progression": "rate", "settings.post_progression_rate": "by_strategy"},
        ],
        "within a cycle": [{"settings.within_cycle": w} for w in ("half_cycle_exposure", "one_move")],
        "correction": [{"settings.correction": c} for c in ("half_cycle", "start", "end", "simpson")],
        "discounting": [
            {"settings.discounting": "exact_time"},
            {"settings.discounting": "whole_years"},
            {
                "settings.discount_change_years": 3.0,
                "settings.discount_rate_later.costs": 0.01,
                "settings.discount_rate_later.effects": 0.02,
            },
        ],
        "crossing": [{"settings.crossing": c} for c in ("cap_hazard", "cap_curve", "error")],
        "utilities": [
            {"settings.age_adjustment": a, "settings.utility_cap": c} for a in ("on", "off") for c in ("on", "off")
        ],
        "prices": [{"settings.price_set": p} for p in ("brand", "generic")],
        "family": [
            {},
            {family: "exponential", **median},
            {family: "weibull", **median, f"pfs.shape.{s}": 1.2},
            {family: "gompertz", **median, f"pfs.shape.{s}": -0.01},
            {family: "log_normal", **median, f"pfs.sdlog.{s}": 1.1},
            {family: "log_logistic", **median, f"pfs.shape.{s}": 1.5},
            {family: "gamma", **median, f"pfs.shape.{s}": 0.8},
            {family: "generalised_gamma", **median, f"pfs.sigma.{s}": 1.0, f"pfs.q.{s}": 0.4},
            {family: "generalised_gamma", **median, f"pfs.sigma.{s}": 1.0, f"pfs.q.{s}": -0.4},
            {family: "hazard_ratio", f"pfs.hazard_ratio.{s}": 0.5},
            {family: "time_ratio", f"pfs.time_ratio.{s}": 1.7},
        ],
        "waning": [{}, {f"pfs.waning_start.{s}": 12.0, f"pfs.waning_end.{s}": 40.0}],
        "window": [{}, {f"treatment.planned_stop.{s}": 20.0}, {f"treatment.start.{s}": 2.5}],
        "stops": [{}, {f"treatment.share_starting.{s}": 0.7}],
        "after stopping": [
            {},
            {f"toxicity.progression_ratio.{s}": 1.4},
            {f"toxicity.after_stopping.{s}": "effect_lost"},
        ],
    }


def pairwise(options: Mapping[str, Sequence[Edits]], seed: int) -> list[Edits]:
    """Combinations in which any two alternatives of two switches meet at least once, found greedily."""
    chance, names = random.Random(seed), list(options)
    pairs = {
        ((a, i), (b, j))
        for a, b in itertools.combinations(names, 2)
        for i in range(len(options[a]))
        for j in range(len(options[b]))
    }
    rows: list[Edits] = []
    while pairs:
        best: tuple[int, dict[str, int]] = (-1, {})
        for _ in range(60):
            (a, i), (b, j) = chance.choice(sorted(pairs))
            row = {name: chance.randrange(len(options[name])) for name in names} | {a: i, b: j}
            met = sum(pair in pairs for pair in itertools.combinations(row.items(), 2))
            best = max(best, (met, row), key=lambda scored: scored[0])
        pairs -= set(itertools.combinations(best[1].items(), 2))
        rows.append({k: v for name, i in best[1].items() for k, v in options[name][i].items()})
    return rows


def test_the_pairwise_set_lets_every_two_alternatives_meet() -> None:
    options = {"a": [{"x": 1.0}, {"x": 2.0}], "b": [{"y": 1.0}, {"y": 2.0}], "c": [{"z": 1.0}, {"z": 2.0}]}
    rows = pairwise(options, 1)
    assert {(row["x"], row["y"]) for row in rows} == {(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (2.0, 2.0)}
    assert len(rows) < 8


@pytest.mark.parametrize(("name", "half"), [("calgb_100104", 0), ("myeloma_ix", 1)])
def test_switches_taken_two_at_a_time_equal_the_engine(name: str, half: int, tmp_path: Path) -> None:
    inputs = with_values(read_inputs(shipped(name)), {"settings.horizon_years": 5.0})
    rows = pairwise(switches(inputs), 5)
    chosen = rows if ALL else rows[half::2]
    assert disagreements(inputs, chosen, tmp_path) == []


def test_a_gamma_curve_far_in_its_tail_does_not_cancel(calgb: Inputs, tmp_path: Path) -> None:
    """The reference falls to 1e-15 and below, and a hazard ratio of 0.05 on it keeps patients at risk."""
    changes: dict[str, float | str | None] = {
        "settings.horizon_years": 20.0,
        "settings.post_progression": "rate",
        "pfs.family.no_maintenance": "gamma",
        "pfs.median.no_maintenance": 6.0,
        "pfs.shape.no_maintenance": 1.6,
        "pfs.mu.no_maintenance": None,
        "pfs.family.lenalidomide": "hazard_ratio",
        "pfs.hazard_ratio.lenalidomide": 0.05,
    }
    assert disagreements(with_values(calgb, changes), [{}], tmp_path) == []


# --------------------------------------------------------------------------------------- many cycles


def four_strategies(inputs: Inputs) -> Inputs:
    """The treated strategy twice more, with other hazard ratios and proportions."""
    own = next(s for s in inputs.compared if s != inputs.reference)
    parameters, strategies = dict(inputs.parameters), list(inputs.strategies)
    for name, factor in (("second", 0.9), ("third", 1.2)):
        for identifier, parameter in inputs.parameters.items():
            parts = identifier.split(".")
            if own in parts:
                copied = ".".join(name if part == own else part for part in parts)
                parameters[copied] = replace(parameter, id=copied)
        for kind in ("os.hazard_ratio", "toxicity.proportion"):
            parameter = parameters[f"{kind}.{name}"]
            assert isinstance(parameter.value, float)
            parameters[f"{kind}.{name}"] = replace(parameter, value=parameter.value * factor)
        strategies.append(Strategy(name, name.capitalize()))
    return replace(inputs, parameters=parameters, strategies=tuple(strategies), scenarios=())


@pytest.mark.skipif(not ALL, reason="takes minutes: run with MARKOV_LIVE=all")
def test_a_weekly_lifetime_model_of_four_strategies_is_equal_and_under_15_mb(calgb: Inputs, tmp_path: Path) -> None:
    inputs = with_values(four_strategies(calgb), {"settings.cycle_days": 7.0})
    assert disagreements(inputs, [{}], tmp_path) == []
    assert (tmp_path / "live.xlsx").stat().st_size < 15e6


def test_four_strategies_are_equal_and_compared_as_the_engine_compares_them(calgb: Inputs, tmp_path: Path) -> None:
    from markov import incremental

    inputs = with_values(four_strategies(calgb), {"settings.horizon_years": 5.0})
    assert disagreements(inputs, [{}], tmp_path) == []
    outcomes = evaluate(inputs)
    rows = incremental(outcomes.strategies, outcomes.cost[0], outcomes.qaly[0])
    expected = {inputs.labels[row.strategy]: (row.position.replace("_", " "), row.icer) for row in rows}
    book = openpyxl.load_workbook(tmp_path / "done" / "edit_0.xlsx", data_only=True, read_only=True)
    cells = list(book["Live results"].iter_rows(values_only=True))
    start = next(i for i, row in enumerate(cells) if row[0] == "Full incremental analysis") + 2
    for row in cells[start : start + len(expected)]:
        position, icer = expected[str(row[0])]
        assert row[12] == position
        assert (row[11] or None) == (None if icer is None else pytest.approx(icer, rel=1e-9))


# --------------------------------------------------------------------------------------- what is not shipped


def with_vials_courses_and_splines(inputs: Inputs) -> Inputs:
    """An infusion by body surface with a loading phase, courses after progression, a spline for PFS of the control."""
    s = "lenalidomide"
    added: dict[str, float | str | None] = {
        "settings.horizon_years": 6.0,
        "price.infusion.brand": 500.0,
        "price.infusion.generic": 80.0,
        "product.form.infusion": "vial",
        "product.strength.infusion": 3.5,
        "product.units_per_pack.infusion": 1.0,
        f"dose.amount.infusion.{s}": 1.3,
        f"dose.initial_amount.infusion.{s}": 2.6,
        f"dose.initial_intervals.infusion.{s}": 3.0,
        f"dose.administrations.infusion.{s}": 2.0,
        f"dose.interval.infusion.{s}": 91.0,
        f"dose.route.infusion.{s}": "oral",
        f"subsequent.monthly_cost.{s}": 0.0,
        f"subsequent.share.second_line.{s}": 0.6,
        "subsequent.cost.second_line": 30000.0,
        "pfs.family.no_maintenance": "spline_odds",
        "pfs.knots.no_maintenance": "2; 20; 90",
        "pfs.gamma0.no_maintenance": -4.0,
        "pfs.gamma1.no_maintenance": 1.2,
        "pfs.gamma2.no_maintenance": 0.05,
        "pfs.family.lenalidomide": "time_ratio",
        "pfs.time_ratio.lenalidomide": 1.6,
    }
    changed = with_values(inputs, added)
    by_surface = {f"dose.{kind}.infusion.{s}" for kind in ("amount", "initial_amount")}
    rows = {i: replace(p, unit="mg/m2") if i in by_surface else p for i, p in changed.parameters.items()}
    return replace(changed, parameters=rows, scenarios=())


def test_vials_loading_doses_courses_and_splines_are_live(calgb: Inputs, tmp_path: Path) -> None:
    inputs = with_vials_courses_and_splines(calgb)
    edits: list[Edits] = [
        {},
        {"settings.vial_waste": "off", "pfs.gamma1.no_maintenance": 1.1},
        {"cohort.body_surface_area_sd": 0.0, "dose.interval.infusion.lenalidomide": 112.0},
        {"dose.initial_intervals.infusion.lenalidomide": 2.0, "subsequent.cost.second_line": 50000.0},
        {"cohort.body_surface_area": 2.4, "product.strength.infusion": 1.0, "settings.price_set": "generic"},
    ]
    assert disagreements(inputs, edits, tmp_path) == []


def test_a_base_case_with_a_curve_from_progression_says_that_it_is_not_live(calgb: Inputs, tmp_path: Path) -> None:
    inputs = with_values(calgb, {"settings.post_progression": "time_since_progression"})
    assert "time_since_progression" in why_not_live(inputs)
    book = openpyxl.load_workbook(write_live_workbook(inputs, tmp_path / "live.xlsx"))
    assert book.sheetnames == ["Live guide"]
    assert "time_since_progression" in str(book["Live guide"]["A3"].value)
