"""The live model without Excel: the rules that its formulas keep, and a small workbook recalculated in pure Python.

The recalculation reads the file as Excel would: cells, names and formulas, the stored values thrown away. It knows
no more of the model than the functions that the formulas call.
"""

import math
import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import special

from markov import Inputs, evaluate, with_values
from markov.report.live.formulas import term, where
from markov.report.live.grid import MARK
from markov.report.live.model import LiveModel, live_model
from markov.report.live.writer import write_live_workbook
from markov.terms import State

SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
VOLATILE = ("NOW(", "TODAY(", "RAND(", "RANDBETWEEN(", "OFFSET(", "INDIRECT(", "CELL(", "INFO(")
OPERATORS: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "&": (1, lambda a, b: f"{as_text(a)}{as_text(b)}"),
    "=": (0, lambda a, b: equal(a, b)),
    "<>": (0, lambda a, b: np.logical_not(equal(a, b))),
    "<": (0, lambda a, b: num(a) < num(b)),
    ">": (0, lambda a, b: num(a) > num(b)),
    "<=": (0, lambda a, b: num(a) <= num(b)),
    ">=": (0, lambda a, b: num(a) >= num(b)),
    "+": (2, lambda a, b: num(a) + num(b)),
    "-": (2, lambda a, b: num(a) - num(b)),
    "*": (3, lambda a, b: num(a) * num(b)),
    "/": (3, lambda a, b: divide(num(a), num(b))),
    "^": (4, lambda a, b: num(a) ** num(b)),
}
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*")|(?P<ref>(?:'[^']+'!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?)(?![\w.(])"""
    r"""|(?P<number>\d+(?:\.\d+)?)|(?P<call>[A-Z_a-z][\w.]*)\(|(?P<name>[A-Za-z_][\w.]*)|(?P<sign><>|<=|>=|[-+*/^&=<>(),]))"""
)
Cell = tuple[str, int, int]
Node = Callable[[int], Any]


def num(value: Any) -> Any:
    """A cell's content in arithmetic; a word is an error, as in Excel."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        raise ValueError(f"#VALUE! {value!r}")
    return np.asarray(value, dtype=float) if isinstance(value, np.ndarray) else float(value)


def as_text(value: Any) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


def equal(a: Any, b: Any) -> Any:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.equal(num(a), num(b))
    a, b = ("" if v is None and isinstance(w, str) else v for v, w in ((a, b), (b, a)))
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return num(a) == num(b)


def divide(a: Any, b: Any) -> Any:
    if np.ndim(b) == 0 and b == 0:
        raise ZeroDivisionError("#DIV/0!")
    return a / b


class Recalculated:
    """A workbook whose formulas are calculated when asked for; `edits` go into named cells first."""

    def __init__(self, path: Path, edits: Mapping[str, object]):
        with zipfile.ZipFile(path) as archive:
            book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
            strings = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
            self.words = ["".join(t.itertext()) for t in strings.findall("m:si", SPACE)]
            self.names = {n.attrib["name"]: n.text or "" for n in book.iterfind(".//m:definedName", SPACE)}
            sheets = [s.attrib["name"] for s in book.iterfind(".//m:sheet", SPACE)]
            self.constants: dict[Cell, Any] = {}
            self.formulas: dict[Cell, tuple[Node, int]] = {}
            self.parsed: dict[str, Node] = {}
            for i, sheet in enumerate(sheets, start=1):
                self._read(sheet, ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{i}.xml")))
        self.known: dict[Cell, Any] = {}
        for name, value in edits.items():
            sheet, cells = self._place(self.names[name])
            self.constants[sheet, cells[0], cells[1]] = value

    def _read(self, sheet: str, root: ElementTree.Element) -> None:
        shared: dict[str, tuple[Node, int]] = {}
        for cell in root.iterfind(".//m:c", SPACE):
            column, row = split_cell(cell.attrib["r"])
            formula, value = cell.find("m:f", SPACE), cell.find("m:v", SPACE)
            if formula is not None and formula.text:
                node = self._parse(sheet, formula.text), row
                self.formulas[sheet, column, row] = node
                if "si" in formula.attrib:
                    shared[formula.attrib["si"]] = node
            elif formula is not None:
                self.formulas[sheet, column, row] = shared[formula.attrib["si"]]
            elif value is not None and value.text is not None:
                is_word = cell.attrib.get("t") == "s"
                self.constants[sheet, column, row] = self.words[int(value.text)] if is_word else float(value.text)

    def named(self, name: str) -> Any:
        """Value of a named cell."""
        return self._named(name)(0)

    def cell(self, place: Cell) -> Any:
        """Value of a cell, calculated once."""
        if place in self.known:
            return self.known[place]
        if place in self.constants or place not in self.formulas:
            return self.constants.get(place)
        node, home = self.formulas[place]
        value = node(place[2] - home)
        self.known[place] = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
        return self.known[place]

    # ------------------------------------------------------------------------------------------------ parsing

    def _parse(self, sheet: str, text: str) -> Node:
        key = f"{sheet}|{text}"
        if key not in self.parsed:
            tokens, at = [], 0
            while at < len(text):
                found = TOKEN.match(text, at)
                assert found, f"not understood: {text[at:]} in {text}"
                tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
                at = found.end()
            tokens.append(("end", ""))
            self.parsed[key] = _Parser(self, sheet, tokens).all()
        return self.parsed[key]

    def _place(self, text: str) -> tuple[str, tuple[int, int, int, int]]:
        sheet, _, cells = text.rpartition("!")
        first, _, last = cells.replace("$", "").partition(":")
        return sheet.strip("'").replace("''", "'"), (*split_cell(first), *split_cell(last or first))

    def _named(self, name: str) -> Node:
        text = self.names[name]
        return self._parse("", text) if "(" in text else self.reference("", text)

    def reference(self, sheet: str, text: str) -> Node:
        """A cell or a range; rows without a $ move with the formula."""
        own, _, cells = text.rpartition("!")
        home = own.strip("'") or sheet
        parts = [re.fullmatch(r"\$?([A-Z]+)(\$?)(\d+)", part) for part in cells.split(":")]
        ends = [(*split_cell(f"{p[1]}{p[3]}"), not p[2]) for p in parts if p]
        if len(ends) == 1:
            (column, row, moves), *_ = ends
            return lambda down: self.cell((home, column, row + down * moves))

        def cells_of(down: int) -> Any:
            (left, top, top_moves), (right, bottom, bottom_moves) = ends
            rows = range(top + down * top_moves, bottom + down * bottom_moves + 1)
            found = [[self.cell((home, c, r)) for c in range(left, right + 1)] for r in rows]
            grid = np.array([[v if v is not None else 0.0 for v in row] for row in found], dtype=object)
            numeric = all(not isinstance(v, str) for row in grid for v in row)
            return grid.astype(float) if numeric else grid

        return cells_of


def split_cell(text: str) -> tuple[int, int]:
    """Column and row numbers of an address."""
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", text).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - 64
    return column, int(digits)


class _Parser:
    """Precedence climbing over the tokens of one formula."""

    def __init__(self, book: Recalculated, sheet: str, tokens: list[tuple[str, str]]):
        self.book, self.sheet, self.tokens, self.at = book, sheet, tokens, 0

    def all(self) -> Node:
        node = self.expression(0)
        assert self.tokens[self.at][0] == "end", self.tokens[self.at :]
        return node

    def expression(self, least: int) -> Node:
        left = self.operand()
        while self.tokens[self.at][1] in OPERATORS and OPERATORS[self.tokens[self.at][1]][0] >= least:
            level, rule = OPERATORS[self.tokens[self.at][1]]
            self.at += 1
            left = joined(left, self.expression(level + 1), rule)
        return left

    def operand(self) -> Node:
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return lambda down: float(text)
        if kind == "text":
            return lambda down: text[1:-1]
        if kind == "ref":
            return self.book.reference(self.sheet, text)
        if kind == "name":
            if text in ("TRUE", "FALSE"):
                return lambda down: text == "TRUE"
            return lambda down: self.book._named(text)(0)
        if kind == "call":
            return call(text, self.arguments())
        if text == "-":
            inner = self.expression(5)
            return lambda down: -num(inner(down))
        assert text == "(", text
        node = self.expression(0)
        self.expect(")")
        return node

    def arguments(self) -> list[Node]:
        found = [self.expression(0)]
        while self.tokens[self.at][1] == ",":
            self.at += 1
            found.append(self.expression(0))
        self.expect(")")
        return found

    def expect(self, sign: str) -> None:
        assert self.tokens[self.at][1] == sign, self.tokens[self.at :]
        self.at += 1


def joined(left: Node, right: Node, rule: Callable[[Any, Any], Any]) -> Node:
    return lambda down: rule(left(down), right(down))


def call(name: str, nodes: list[Node]) -> Node:
    """A function call; IF and CHOOSE look only at the branch they take."""
    if name == "IF":
        return lambda down: (nodes[1] if num(nodes[0](down)) else nodes[2])(down)
    if name == "CHOOSE":
        return lambda down: nodes[int(num(nodes[0](down)))](down)
    if name == "ISERROR":
        return lambda down: is_error(nodes[0], down)
    rule = FUNCTIONS[name]
    return lambda down: rule(*(node(down) for node in nodes))


def is_error(node: Node, down: int) -> bool:
    try:
        node(down)
    except (ValueError, ZeroDivisionError, KeyError):
        return True
    return False


def logarithm(x: Any) -> Any:
    if np.ndim(x) == 0 and num(x) <= 0:
        raise ValueError("#NUM!")
    return np.log(num(x))


def gamma_distribution(x: Any, shape: Any, scale: Any, cumulative: Any) -> float:
    assert scale == 1
    if cumulative:
        return float(special.gammainc(num(shape), num(x)))
    return float(np.exp(special.xlogy(num(shape) - 1, num(x)) - num(x) - special.gammaln(num(shape))))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "AND": lambda *v: all(bool(num(x)) for x in v),
    "OR": lambda *v: any(bool(num(x)) for x in v),
    "MAX": lambda *v: max(num(x) for x in v),
    "MIN": lambda *v: min(num(x) for x in v),
    "EXP": lambda x: np.exp(num(x)),
    "LN": logarithm,
    "SQRT": lambda x: math.sqrt(num(x)),
    "ABS": lambda x: abs(num(x)),
    "INT": lambda x: float(math.floor(num(x))),
    "SUM": lambda *v: float(sum(np.sum(num(x)) for x in v)),
    "SUMPRODUCT": lambda *v: float(np.sum(np.prod(np.broadcast_arrays(*(num(x) for x in v)), axis=0))),
    "INDEX": lambda cells, at: cells.ravel()[int(num(at)) - 1],
    "MATCH": lambda x, cells, kind: float(list(cells.ravel()).index(x) + 1),
    "ROWS": lambda cells: float(np.shape(cells)[0]) if np.ndim(cells) else 1.0,
    "COUNTIF": lambda cells, word: float(np.sum(np.asarray(cells, dtype=object) == word)),
    "_xlfn.NORM.S.DIST": lambda z, cumulative: special.ndtr(num(z)),
    "_xlfn.GAMMA.DIST": gamma_distribution,
    "_xlfn.GAMMA.INV": lambda p, shape, scale: float(special.gammaincinv(num(shape), num(p))),
    "_xlfn.BETA.DIST": lambda y, a, b, cumulative: float(special.betainc(num(a), num(b), num(y))),
    "_xlfn.BETA.INV": lambda p, a, b: float(special.betaincinv(num(a), num(b), num(p))),
}


# ------------------------------------------------------------------------------------------------ a small model


@pytest.fixture(scope="module")
def small(calgb: Inputs) -> Inputs:
    """CALGB for two years, with stops counted over six months: few rows."""
    changes = {"settings.horizon_years": 2.0, "toxicity.period.lenalidomide": 6.0}
    return with_values(calgb, changes)


@pytest.fixture(scope="module")
def workbook(small: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_live_workbook(small, tmp_path_factory.mktemp("live") / "small.xlsx")


@pytest.mark.parametrize(
    "edits",
    [
        {},
        {
            "price.lenalidomide_10mg.brand": 1890.0,
            "utility.progression": 0.5,
            "os.hazard_ratio.lenalidomide": 0.8,
            "toxicity.proportion.lenalidomide": 0.2,
        },
        {
            "settings.post_progression": "rate",
            "settings.correction": "simpson",
            "pfs.family.lenalidomide": "gamma",
            "pfs.shape.lenalidomide": 1.4,
            "pfs.median.lenalidomide": 50.0,
        },
    ],
    ids=["as written", "numbers", "switches"],
)
def test_formulas_calculated_in_python_give_the_engines_totals(
    small: Inputs, workbook: Path, edits: dict[str, float | str]
) -> None:
    sys.setrecursionlimit(1_000_000)
    book = Recalculated(workbook, edits)
    outcomes = evaluate(with_values(small, edits))
    for i, s in enumerate(outcomes.strategies):
        assert book.named(f"result.cost.{s}") == pytest.approx(outcomes.cost[0, i], rel=1e-9)
        assert book.named(f"result.qaly.{s}") == pytest.approx(outcomes.qaly[0, i], rel=1e-9)
        assert book.named(f"result.life_years.{s}") == pytest.approx(outcomes.life_year[0, i], rel=1e-9)


def test_the_python_recalculation_uses_no_stored_value(workbook: Path) -> None:
    book = Recalculated(workbook, {})
    assert not set(book.formulas) & set(book.constants)


# ------------------------------------------------------------------------------------------------ the rules


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


def test_only_0_1_and_2_are_typed_into_formulas(model: LiveModel) -> None:
    typed = re.compile(r"(?<![\w.$])(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])")
    for place, text in formulas(model).items():
        bare = re.sub(r'"[^"]*"|\'[^\']*\'', "", text)
        assert set(typed.findall(bare)) <= {"0", "1", "2"}, f"{place}: {text}"


def test_no_formula_is_volatile_or_reaches_outside(model: LiveModel) -> None:
    for place, text in formulas(model).items():
        assert not any(word in text for word in VOLATILE), place
        assert "[" not in text, place


def test_every_name_in_a_formula_is_defined(model: LiveModel, tmp_path: Path) -> None:
    path = write_live_workbook(model.inputs, tmp_path / "live.xlsx", model.outcomes)
    with zipfile.ZipFile(path) as archive:
        defined = set(re.findall(r'<definedName name="([^"]+)"', archive.read("xl/workbook.xml").decode()))
    name = re.compile(r"(?<![\w.'!$])([a-z][\w]*(?:\.[\w]+)+)(?![\w(])")
    for place, text in formulas(model).items():
        used = set(name.findall(re.sub(r'"[^"]*"|\'[^\']*\'', "", text)))
        assert used <= defined, f"{place}: {used - defined}"


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
