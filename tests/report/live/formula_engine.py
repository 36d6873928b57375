"""A calculator of Excel formulas in Python: it reads a workbook as Excel would, the stored values thrown away.

It knows cells, names, operators and the functions that the live model calls, and nothing of the model.
"""

import math
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from scipy import special

SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
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
    r"""|(?P<number>\d+(?:\.\d+)?)|(?P<call>[A-Z_a-z][\w.]*)\(|(?P<name>[A-Za-z_][\w.]*)|(?P<sign><>|<=|>=|[-+*/^&=<>(),:]))"""
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


class NeededError(Exception):
    """Cells that have to be calculated first."""

    def __init__(self, places: list[Cell]):
        self.places = places


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
            self.stored: dict[Cell, str] = {}
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
            if formula is not None and value is not None:
                self.stored[sheet, column, row] = value.text or ""
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
        text = self.names[name]
        sheet, (column, row, _, _) = self._place(text)
        return self.value((sheet, column, row))

    def value(self, place: Cell) -> Any:
        """Value of a cell; what it needs is calculated first, from a list of what waits and not by recursion."""
        waiting = [place]
        while waiting:
            try:
                self.cell(waiting[-1])
                waiting.pop()
            except NeededError as needed:
                waiting += needed.places
                assert len(waiting) < 1_000_000, "a circle"
        return self.cell(place)

    def cell(self, place: Cell) -> Any:
        """Value of a cell of which all that it needs is known."""
        if place in self.known:
            return self.known[place]
        if place in self.constants or place not in self.formulas:
            return self.constants.get(place)
        node, home = self.formulas[place]
        value = node(place[2] - home)
        if value is None:
            value = 0.0  # in Excel a formula that finds an empty cell is 0; LibreOffice calls it empty still
        self.known[place] = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
        return self.known[place]

    def look(self, place: Cell) -> Any:
        """Value of another cell, if it is known."""
        if place in self.known:
            return self.known[place]
        if place in self.formulas and place not in self.constants:
            raise NeededError([place])
        return self.constants.get(place)

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
            return lambda down: self.look((home, column, row + down * moves))

        def cells_of(down: int) -> Any:
            (left, top, top_moves), (right, bottom, bottom_moves) = ends
            rows = range(top + down * top_moves, bottom + down * bottom_moves + 1)
            places = [[(home, c, r) for c in range(left, right + 1)] for r in rows]
            missing = [p for line in places for p in line if p in self.formulas and p not in self.known]
            if missing := [p for p in missing if p not in self.constants]:
                raise NeededError(missing)
            found = [[self.look(p) for p in line] for line in places]
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
            start = self.at
            node = call(text, self.arguments())
            return self.until(start) if self.tokens[self.at][1] == ":" else node
        if text == "-":
            inner = self.expression(5)
            return lambda down: -num(inner(down))
        assert text == "(", text
        node = self.expression(0)
        self.expect(")")
        return node

    def until(self, start: int) -> Node:
        """The range from the cell that INDEX finds to another one."""
        (kind, cells), again = self.tokens[start], self.at
        assert kind == "ref"
        self.at = start
        _, place = self.arguments()
        self.at = again + 1
        _, end = self.tokens[self.at]
        self.at += 1
        first, last = cells.replace("$", "").split(":")[0], end.replace("$", "")
        column, top = split_cell(first)
        assert split_cell(last)[0] == column

        def found(down: int) -> Any:
            left = f"{last[: len(last) - len(str(split_cell(last)[1]))]}"
            begin = top + int(num(place(down))) - 1
            return self.book.reference(self.sheet, f"${left}${begin}:${left}${split_cell(last)[1]}")(0)

        return found

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
    "MAX": lambda *v: max(float(np.max(num(x))) for x in v),
    "MIN": lambda *v: min(num(x) for x in v),
    "EXP": lambda x: np.exp(num(x)),
    "LN": logarithm,
    "SQRT": lambda x: math.sqrt(num(x)),
    "ABS": lambda x: abs(num(x)),
    "INT": lambda x: float(math.floor(num(x))),
    "SUM": lambda *v: float(sum(np.sum(num(x)) for x in v)),
    "SUMPRODUCT": lambda *v: float(np.sum(np.prod(np.broadcast_arrays(*(num(x) for x in v)), axis=0))),
    "MMULT": lambda left, right: num(left) @ num(right),
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
