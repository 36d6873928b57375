"""The rules of Excel that LibreOffice does not keep, over the written file: nothing here is taken from the generator.

Sources: ECMA-376 part 1 (SpreadsheetML), and Microsoft's page of Excel's specifications and limits.
"""

import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

import pytest
from xlsxwriter.worksheet import Worksheet

from markov import Inputs, base_case, with_values, write_report
from markov.report.live.grid import GridSheet

from .formula_engine import SPACE, split_cell

M = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SINCE_1997 = frozenset(
    ("ABS", "AND", "CHOOSE", "COUNTIF", "EXP", "IF", "INDEX", "INT", "ISERROR", "LN", "MATCH", "MAX", "MIN", "OR")
) | {"MMULT", "ROWS", "SQRT", "SUM", "SUMPRODUCT"}
SINCE_2010 = frozenset(("NORM.S.DIST", "GAMMA.DIST", "GAMMA.INV", "BETA.DIST", "BETA.INV"))  # with _xlfn. in the file
ON_RANGES = frozenset(("ABS", "EXP", "INDEX", "LN", "MAX", "MMULT", "ROWS", "_xlfn.NORM.S.DIST"))  # IF is not
VOLATILE = ("NOW", "TODAY", "RAND", "RANDBETWEEN", "OFFSET", "INDIRECT", "CELL", "INFO")
CALL = re.compile(r"([A-Za-z_][\w.]*)\(")
NAME = re.compile(r"[A-Za-z_\\][\w.\\]{0,254}")
LIKE_A_CELL = re.compile(r"[A-Za-z]{1,3}\d{1,7}|[Rr]\d*([Cc]\d*)?|[Cc]\d*|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]")
REFERENCE = re.compile(r"(?<![\w.'!$])(\$?)([A-Z]{1,3})(\$?)(\d+)(?![\w.(!])")
QUOTED = re.compile(r'"[^"]*"')
SHEET = re.compile(r"'[^']*'!")


@dataclass
class Sheet:
    """A sheet of the file: its parts, and each formula as it stands in its cell, shared ones filled down."""

    name: str
    root: ElementTree.Element
    shared: dict[str, str] = field(default_factory=dict)

    @cached_property
    def formulas(self) -> dict[tuple[int, int], str]:
        """Formula by column and row."""
        return {place: text for place, text, _ in self.cells()}

    def cells(self) -> Iterator[tuple[tuple[int, int], str, ElementTree.Element]]:
        """Place, formula and element of each cell with a formula."""
        masters: dict[str, tuple[str, int]] = {}
        for cell in self.root.iterfind(".//m:c", SPACE):
            formula = cell.find("m:f", SPACE)
            if formula is None:
                continue
            column, row = split_cell(cell.attrib["r"])
            text = formula.text or ""
            if formula.attrib.get("t") == "shared":
                si = formula.attrib["si"]
                if text:
                    masters[si], self.shared[si] = (text, row), formula.attrib["ref"]
                master, home = masters[si]
                text = moved_down(master, row - home)
            yield (column, row), text, cell


def moved_down(text: str, rows: int) -> str:
    """A formula filled down so many rows."""
    if rows == 0:
        return text
    return REFERENCE.sub(lambda m: f"{m[1]}{m[2]}{m[3]}{m[4] if m[3] else int(m[4]) + rows}", text)


def by_row(text: str, row: int) -> str:
    """A formula with its rows told from its own, as R1C1 tells them."""
    return REFERENCE.sub(lambda m: f"{m[2]}{m[3]}[{m[4] if m[3] else int(m[4]) - row}]", SHEET.sub("", text))


@dataclass
class Book:
    """A workbook's parts."""

    names: dict[str, str]
    sheets: dict[str, Sheet]
    book: ElementTree.Element
    styles: ElementTree.Element
    strings: ElementTree.Element
    parts: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Book":
        with zipfile.ZipFile(path) as archive:
            book, styles, strings = (
                ElementTree.fromstring(archive.read(f"xl/{part}.xml"))
                for part in ("workbook", "styles", "sharedStrings")
            )
            names = [(n.attrib["name"], n.text or "") for n in book.iterfind(".//m:definedName", SPACE)]
            own = [(name, text) for name, text in names if not name.startswith("_xlnm.")]
            assert len({name.lower() for name, _ in own}) == len(own), "names differ by more than capitals"
            titles = [s.attrib["name"] for s in book.iterfind(".//m:sheet", SPACE)]
            sheets = {
                title: Sheet(title, ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{i}.xml")))
                for i, title in enumerate(titles, start=1)
            }
            return cls(dict(own), sheets, book, styles, strings, tuple(archive.namelist()))

    def formulas(self) -> Iterator[tuple[str, str]]:
        """Place and text of every formula, names included."""
        yield from self.names.items()
        for sheet in self.sheets.values():
            yield from ((f"{sheet.name} {place}", text) for place, text in sheet.formulas.items())


@pytest.fixture(scope="module")
def report(small: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A whole report of the base case, live sheets and all."""
    path = tmp_path_factory.mktemp("report") / "report.xlsx"
    write_report(base_case(with_values(small, {"settings.horizon_years": 1.0})), path)
    return Book.read(path)


@pytest.fixture(scope="module")
def live(workbook: Path) -> Book:
    return Book.read(workbook)


@pytest.fixture(params=["live", "report"])
def book(request: pytest.FixtureRequest) -> Book:
    found: Book = request.getfixturevalue(request.param)
    return found


# ----------------------------------------------------------------------------------------------- formulas


def test_formulas_are_short_and_nothing_but_0_1_and_2_is_typed_into_them(book: Book) -> None:
    typed = re.compile(r"(?<![\w.$])(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])")
    for place, text in book.formulas():
        assert len(text) < 1000, place
        assert set(typed.findall(REFERENCE.sub("", SHEET.sub("", QUOTED.sub("", text))))) <= {"0", "1", "2"}, text


def test_functions_are_excels_and_bear_the_prefix_where_excel_2007_did_not_have_them(book: Book) -> None:
    for place, text in book.formulas():
        for function in CALL.findall(QUOTED.sub("", text)):
            assert function in SINCE_1997 or function.removeprefix("_xlfn.") in SINCE_2010, (place, function)
            assert (function in SINCE_1997) != function.startswith("_xlfn."), (place, function)
            assert function not in VOLATILE


def test_no_formula_needs_an_array_entry(book: Book) -> None:
    """Inside SUMPRODUCT stand only functions that take whole ranges; no cell is an array or a data table."""
    for place, text in book.formulas():
        for inner in inside(QUOTED.sub("", text), "SUMPRODUCT("):
            assert set(CALL.findall(inner)) <= ON_RANGES, (place, inner)
    kinds = {f.attrib.get("t") for s in book.sheets.values() for f in s.root.iterfind(".//m:f", SPACE)}
    assert kinds <= {None, "shared"}
    assert not any("cm" in c.attrib for s in book.sheets.values() for c in s.root.iterfind(".//m:c", SPACE))


def inside(text: str, call: str) -> Iterator[str]:
    """What stands between the brackets of each call."""
    for found in re.finditer(re.escape(call), text):
        depth, at = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield text[found.end() : at - 1]


WHOLE = ("SUMPRODUCT", "SUM", "INDEX", "MATCH", "ROWS", "COUNTIF")


def test_a_range_stands_only_where_a_function_takes_it_whole(book: Book) -> None:
    """Elsewhere Excel 2016 takes the cell of the formula's own row without a word, and other programs do not."""
    several = {name for name, text in book.names.items() if ":" in text}
    for place, text in book.formulas():
        if place in book.names:
            continue
        bare = without_calls(SHEET.sub("", QUOTED.sub("", text)), WHOLE)
        assert ":" not in bare, (place, bare)
        assert not several & set(re.findall(r"[A-Za-z_][\w.]*", bare)), (place, bare)
        for inner in inside(QUOTED.sub("", text), "INDEX("):
            position = without_calls(inner.partition(",")[2], WHOLE)
            assert ":" not in position, (place, inner)


def without_calls(text: str, functions: tuple[str, ...]) -> str:
    """A formula with the calls of some functions taken out."""
    for function in functions:
        while found := re.search(rf"(?<![\w.]){function}\(", text):
            depth, at = 1, found.end()
            while depth:
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
            text = f"{text[: found.start()]}1{text[at:]}"
    return text


def test_brackets_nest_and_arguments_number_less_than_excel_allows(book: Book) -> None:
    for place, text in book.formulas():
        depth = deepest = 0
        for sign in QUOTED.sub("", text):
            depth += {"(": 1, ")": -1}.get(sign, 0)
            deepest = max(deepest, depth)
        assert depth == 0, place
        assert deepest <= 64, place
        assert text.count(",") < 250, place


def test_no_formula_reaches_outside_the_workbook(book: Book) -> None:
    for place, text in book.formulas():
        assert "[" not in text, place
        assert "#REF" not in text, place
        for sheet in re.findall(r"'([^']+)'!", text):
            assert sheet in book.sheets, (place, sheet)
    assert not [part for part in book.parts if re.search(r"externalLink|connections|vbaProject|queryTable", part)]


def test_every_name_used_is_defined(book: Book) -> None:
    word = re.compile(r"(?<![\w.'!$])([A-Za-z_][\w]*(?:\.[\w]+)*)(?![\w.(!])")
    known = {name.lower() for name in book.names} | {"true", "false"}
    for place, text in book.formulas():
        bare = REFERENCE.sub("", SHEET.sub("", QUOTED.sub("", text)))
        assert {w.lower() for w in word.findall(bare)} <= known, (place, text)


def test_no_cell_depends_on_itself_even_through_ranges_and_branches_not_taken(live: Book) -> None:
    """Excel calls a circle what comes back to a cell by any reference, taken or not."""
    needs = {
        (sheet.name, *place): set(needed(live, sheet.name, text)) for sheet in live.sheets.values()
        for place, text in sheet.formulas.items()
    }  # fmt: skip
    waiting = {place: {n for n in found if n in needs} for place, found in needs.items()}
    users: dict[tuple[str, int, int], list[tuple[str, int, int]]] = defaultdict(list)
    for place, found in waiting.items():
        for n in found:
            users[n].append(place)
    counts = {place: len(found) for place, found in waiting.items()}
    ready = [place for place, n in counts.items() if n == 0]
    done = 0
    while ready:
        done += 1
        for user in users[ready.pop()]:
            counts[user] -= 1
            if counts[user] == 0:
                ready.append(user)
    assert done == len(needs), sorted(place for place, n in counts.items() if n > 0)[:5]


RANGE = re.compile(r"(?:'([^']+)'!)?\$?([A-Z]{1,3})\$?(\d+)(?::\$?([A-Z]{1,3})\$?(\d+))?(?![\w.(!])")


def needed(book: Book, sheet: str, text: str) -> Iterator[tuple[str, int, int]]:
    """Every cell that a formula mentions, by address or by name."""
    bare = QUOTED.sub("", text)
    for home, column, row, last_column, last_row in RANGE.findall(bare):
        right, bottom = last_column or column, int(last_row or row)
        for c in range(split_cell(f"{column}1")[0], split_cell(f"{right}1")[0] + 1):
            yield from ((home or sheet, c, r) for r in range(int(row), bottom + 1))
    for word in re.findall(r"(?<![\w.'!$])([A-Za-z_][\w]*(?:\.[\w]+)*)(?![\w.(!])", SHEET.sub("", bare)):
        if word in book.names:
            yield from needed(book, sheet, book.names[word])


def test_formulas_are_the_same_down_a_column(live: Book) -> None:
    """All but that of cycle 0, where a column may begin with a value."""
    columns = 0
    for sheet in live.sheets.values():
        by_column = defaultdict(list)
        for (column, row), text in sheet.formulas.items():
            if sheet.name.startswith(("Live trace", "Live cycles", "Live stops")) and row > 9:
                by_column[column].append(by_row(text, row))
        columns += len(by_column)
        for column, texts in by_column.items():
            assert len(set(texts)) == 1, (sheet.name, column, set(texts))
    assert columns > 300


def test_shared_formulas_cover_their_cells_and_stay_on_their_sheet(live: Book) -> None:
    found = 0
    for sheet in live.sheets.values():
        users: Counter[str] = Counter()
        for (column, row), _, cell in sheet.cells():
            formula = cell.find("m:f", SPACE)
            assert formula is not None
            if formula.attrib.get("t") != "shared":
                continue
            si = formula.attrib["si"]
            users[si] += 1
            first, last = (split_cell(end) for end in sheet.shared[si].split(":"))
            assert first[0] == column == last[0]
            assert first[1] <= row <= last[1]
            assert "!" not in (formula.text or "")
        for si, n in users.items():
            first, last = (split_cell(end) for end in sheet.shared[si].split(":"))
            assert n == last[1] - first[1] + 1, (sheet.name, si)
        found += len(users)
    assert found > 200


def test_xlsxwriter_still_asks_a_sheet_for_what_grids_write_themselves(live: Book) -> None:
    """Two of its own methods are replaced: were they renamed, the long columns would be missing without a word."""
    for method in ("_write_sheet_data", "_write_dimension"):
        assert method in vars(Worksheet)
        assert method in vars(GridSheet)
    for name, sheet in live.sheets.items():
        if name.startswith(("Live trace", "Live cycles", "Live stops")):
            (dimension,) = sheet.root.iterfind("m:dimension", SPACE)
            right, bottom = split_cell(dimension.attrib["ref"].split(":")[1])
            assert max(column for column, _ in sheet.formulas) == right
            assert max(row for _, row in sheet.formulas) <= bottom


def test_every_formula_carries_a_value_of_its_kind(book: Book) -> None:
    for sheet in book.sheets.values():
        for place, _, cell in sheet.cells():
            value, kind = cell.find("m:v", SPACE), cell.attrib.get("t")
            assert value is not None, (sheet.name, place)
            if kind != "str" and value.text:  # XlsxWriter writes an empty text as an empty value
                assert kind in (None, "b")
                assert abs(float(value.text)) < 1e308, (sheet.name, place)


# ----------------------------------------------------------------------------------------------- names and sheets


def test_names_are_what_excel_takes_for_names(book: Book) -> None:
    for name, text in book.names.items():
        assert NAME.fullmatch(name), name
        assert not LIKE_A_CELL.fullmatch(name), name
        assert name.upper() not in SINCE_1997 | SINCE_2010, name
        assert "!" in text or CALL.search(text), name


def test_the_check_of_names_finds_what_excel_refuses() -> None:
    for name in ("r", "C", "R1C1", "rc", "A1", "XFD1048576", "ab12", "TRUE", "r2"):
        assert LIKE_A_CELL.fullmatch(name), name
    for name in ("pfs.r", "cycle.length", "r.c", "price.a1.brand", "row"):
        assert not LIKE_A_CELL.fullmatch(name), name


def test_sheets_have_names_that_excel_takes_and_hide_nothing(book: Book) -> None:
    assert len({name.lower() for name in book.sheets}) == len(book.sheets)
    for name, sheet in book.sheets.items():
        assert 0 < len(name) <= 31, name
        assert not re.search(r"[\[\]:*?/\\]|^'|'$", name), name
        assert name.lower() != "history"
        for tag in ("sheetProtection", "protectedRanges"):
            assert sheet.root.find(f".//m:{tag}", SPACE) is None, name
        hidden = [e for tag in ("row", "col") for e in sheet.root.iterfind(f".//m:{tag}[@hidden='1']", SPACE)]
        assert not hidden or not name.startswith("Live"), name
    assert {s.attrib.get("state", "visible") for s in book.book.iterfind(".//m:sheet", SPACE)} == {"visible"}
    assert book.book.find(".//m:workbookProtection", SPACE) is None


def test_excel_calculates_the_workbook_when_it_opens_it(live: Book) -> None:
    calculation = live.book.find("m:calcPr", SPACE)
    assert calculation is not None
    assert calculation.attrib["fullCalcOnLoad"] == "1"
    assert calculation.attrib.get("calcMode", "auto") == "auto"
    assert "iterate" not in calculation.attrib


# ----------------------------------------------------------------------------------------------- what a sheet holds


ORDER = (
    *("sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "autoFilter", "mergeCells"),
    *("conditionalFormatting", "dataValidations", "hyperlinks", "printOptions", "pageMargins", "pageSetup"),
    *("headerFooter", "rowBreaks", "drawing", "legacyDrawing", "extLst"),
)


def test_parts_of_a_sheet_stand_in_excels_order_and_cells_in_theirs(book: Book) -> None:
    for name, sheet in book.sheets.items():
        tags = [ORDER.index(part.tag.removeprefix(M)) for part in sheet.root]
        assert tags == sorted(tags), name
        rows = [int(row.attrib["r"]) for row in sheet.root.iterfind(".//m:row", SPACE)]
        assert rows == sorted(set(rows)), name
        for row in sheet.root.iterfind(".//m:row", SPACE):
            places = [split_cell(cell.attrib["r"]) for cell in row.iterfind("m:c", SPACE)]
            assert places == sorted(set(places)), name
            assert {r for _, r in places} <= {int(row.attrib["r"])}, name
            assert float(row.attrib.get("ht", 0)) <= 409, name
        widest = max((float(col.attrib["width"]) for col in sheet.root.iterfind(".//m:col", SPACE)), default=0)
        assert widest <= 255, name


def test_merged_cells_do_not_overlap_and_lists_of_choices_are_short(book: Book) -> None:
    for name, sheet in book.sheets.items():
        cells: list[tuple[int, int]] = []
        for merged in sheet.root.iterfind(".//m:mergeCell", SPACE):
            (left, top), (right, bottom) = (split_cell(end) for end in merged.attrib["ref"].split(":"))
            cells += [(c, r) for c in range(left, right + 1) for r in range(top, bottom + 1)]
        assert len(set(cells)) == len(cells), name
        for validation in sheet.root.iterfind(".//m:dataValidation/m:formula1", SPACE):
            assert len(validation.text or "") <= 257, name  # 255 and the quotation marks
        for part in sheet.root.iterfind(".//m:headerFooter/*", SPACE):
            assert len(part.text or "") <= 255, name


def test_texts_and_formats_are_fewer_and_shorter_than_excels_limits(book: Book) -> None:
    for text in ("".join(item.itertext()) for item in book.strings.iterfind("m:si", SPACE)):
        assert len(text) <= 32767
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text), text
    limits = {"fonts": 1024, "fills": 65000, "borders": 65000, "cellXfs": 64000, "numFmts": 200}
    for part, limit in limits.items():
        found = book.styles.find(f"m:{part}", SPACE)
        assert found is None or len(found) <= limit, part
    styles = len(book.styles.find("m:cellXfs", SPACE))  # type: ignore[arg-type]
    for sheet in book.sheets.values():
        assert all(int(cell.attrib.get("s", 0)) < styles for cell in sheet.root.iterfind(".//m:c", SPACE))
    for made in book.styles.iterfind(".//m:numFmt", SPACE):
        assert len(made.attrib["formatCode"]) <= 255
