"""The report as a Word document: the dossier's tables with the numbers of the pages, and charts that hold theirs."""

import datetime
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from docx.table import Table as WordTable

from markov import BaseCase, base_case
from markov.report.page import Chart, Column, Page, Series, Table, Text
from markov.report.reports import report_pages
from markov.report.writers.excel import ReportError
from markov.report.writers.number_formats import look_of, shown
from markov.report.writers.word import write_docx
from markov.report.writers.word_charts import explicit, word_charts
from tests.support.libreoffice import convert, needs_libreoffice

C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
NOW = datetime.datetime(2026, 1, 1)
DOSSIER = ["Summary", "Results", "Disaggregated", "Incremental", "Survival", "Bridge", "Inputs used", "Checks"]


@pytest.fixture(scope="module", params=["calgb", "myeloma_ix"])
def case(request: pytest.FixtureRequest) -> BaseCase:
    return base_case(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def pages(case: BaseCase) -> list[Page]:
    return report_pages(case, "markov run test", 1.0, NOW)


@pytest.fixture(scope="module")
def kept(pages: list[Page]) -> list[Page]:
    return [page for page in pages if not page.name.startswith("Trace ")]


@pytest.fixture(scope="module")
def file(case: BaseCase, pages: list[Page], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_docx(pages, tmp_path_factory.mktemp("word") / "report.docx", case.inputs.title)


def part(file: Path, name: str) -> ET.Element:
    with zipfile.ZipFile(file) as archive:
        return ET.fromstring(archive.read(name))


def texts(table: WordTable) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def tables_of(pages: list[Page]) -> list[Table]:
    return [block for page in pages for block in page.blocks if isinstance(block, Table)]


def words_of(table: Table) -> list[list[str]]:
    rows = [
        [shown(value, look_of(table, i, j), table.currency) for j, value in enumerate(row)]
        for i, row in enumerate(table.rows)
    ]
    return [[column.header for column in table.columns], *rows]


# ------------------------------------------------------------------------------------------------------------- tables


def test_every_table_holds_the_numbers_of_its_page_as_excel_shows_them(file: Path, kept: list[Page]) -> None:
    written, told = docx.Document(str(file)).tables, tables_of(kept)
    assert len(written) == len(told) > 20
    for element, table in zip(written, told, strict=True):
        assert texts(element) == words_of(table)


def test_the_totals_are_the_outcomes_of_the_run(file: Path, case: BaseCase) -> None:
    rows = {row[0]: row for table in docx.Document(str(file)).tables for row in texts(table)}
    assert rows["Cost, discounted"][2:] == [f"£{cost:,.0f}" for cost in case.outcomes.cost[0]]
    assert rows["QALYs, discounted"][2:] == [f"{qaly:.3f}" for qaly in case.outcomes.qaly[0]]


def test_the_document_has_every_page_of_a_dossier_but_the_traces_and_says_so(file: Path, kept: list[Page]) -> None:
    document = docx.Document(str(file))
    headings = [p.text for p in document.paragraphs if p.style is not None and p.style.name == "Heading 1"]
    assert headings == ["Summary", *(page.title for page in kept[1:])]
    assert {page.name for page in kept} >= {*DOSSIER, "Provenance"}
    first = document.paragraphs[1].text
    assert "leaves out the long tables (Trace No maintenance, Trace " in first
    assert "charts can be styled in Word" in first


def test_captions_count_the_tables_and_name_them(file: Path, kept: list[Page]) -> None:
    told = [f"Table {n}: {table.title}" for n, table in enumerate(tables_of(kept), 1)]
    captions = [p for p in docx.Document(str(file)).paragraphs if p.style is not None and p.style.name == "Caption"]
    said = ["".join(node.text or "" for node in p._p.iter(f"{W}t")) for p in captions]
    assert [words for words in said if words.startswith("Table ")] == told
    fields = [field.get(f"{W}instr") for p in captions for field in p._p.iter(f"{W}fldSimple")]
    assert len(fields) == len(captions)
    assert {str(field).split()[1] for field in fields} == {"Table", "Figure"}


def test_headers_repeat_on_every_page_and_no_row_is_cut(file: Path) -> None:
    for table in part(file, "word/document.xml").iter(f"{W}tbl"):
        rows = table.findall(f"{W}tr")
        assert [row.find(f"{W}trPr/{W}tblHeader") is not None for row in rows] == [i == 0 for i in range(len(rows))]
        assert all(row.find(f"{W}trPr/{W}cantSplit") is not None for row in rows)


def landscape_of_tables(file: Path) -> Iterator[tuple[bool, float, float]]:
    """For every table: whether it lies on a landscape page, its width, and the width of the text (twentieths of pt)."""
    waiting: list[float] = []
    body = part(file, "word/document.xml")[0]
    for element in body:
        if element.tag == f"{W}tbl":
            waiting.append(sum(float(c.get(f"{W}w", "0")) for c in element.iter(f"{W}gridCol")))
        section = element if element.tag == f"{W}sectPr" else element.find(f"{W}pPr/{W}sectPr")
        if section is not None:
            size, margins = section.find(f"{W}pgSz"), section.find(f"{W}pgMar")
            assert size is not None and margins is not None
            width, height = (float(size.get(f"{W}{side}", "0")) for side in "wh")
            text = width - sum(float(margins.get(f"{W}{side}", "0")) for side in ("left", "right"))
            assert (size.get(f"{W}orient") == "landscape") == (width > height)
            yield from ((width > height, table, text) for table in waiting)
            waiting = []
    assert not waiting


def test_wide_tables_stand_on_landscape_pages_and_none_leaves_its_page(file: Path, kept: list[Page]) -> None:
    placed = list(landscape_of_tables(file))
    lying = {table.title: wide for table, (wide, _, _) in zip(tables_of(kept), placed, strict=True)}
    assert lying["Read in their source, or choices of method"] and lying["Modelled against published"]
    assert not lying["Totals"] and not lying["Provenance"]
    assert all(width <= text + 60 for _, width, text in placed), "within a millimetre of the margins"


def test_verdicts_losses_and_weak_evidence_have_their_colours(tmp_path: Path) -> None:
    columns = (Column("Check", "strong"), Column("Verdict"), Column("Money", "money"), Column("Status"))
    rows = (("a", "pass", -5.0, "read"), ("b", "fail", 5.0, "assumption"))
    tints = (("", "", "#ABCDEF", ""), ("", "", "", ""))
    page = Page("P", "P", "", (Table("T", columns, rows, verdict=1, weak=3, tints=tints),))
    file = write_docx([page], tmp_path / "report.docx", "x")
    fills = [
        [shade.get(f"{W}fill") if (shade := cell.find(f"{W}tcPr/{W}shd")) is not None else None for cell in row]
        for row in ([*tr.iter(f"{W}tc")] for tr in [*part(file, "word/document.xml").iter(f"{W}tr")][1:])
    ]
    assert fills == [[None, "DDF1E0", "ABCDEF", None], [None, "F8D3D3", None, "FBE3D0"]]
    red = [run.find(f"{W}rPr/{W}color") for run in part(file, "word/document.xml").iter(f"{W}r")]
    assert [c.get(f"{W}val") for c in red if c is not None] == ["FFFFFF"] * 4 + ["C00000"]


def test_no_text_can_break_the_document(tmp_path: Path) -> None:
    hostile = "</w:t><w:p/>& \" ' <script>\x0b\x00 end"
    table = Table(hostile, (Column(hostile, "strong"),), ((hostile,),), "k", (hostile,))
    series = Series(hostile, "P", "k", 0, 0, "#000000")
    chart = Chart("lines", hostile, "x", "y", (series,))
    page = Page("P", hostile, hostile, (Text(hostile), Text(hostile, "section"), table, (chart,)))
    document = docx.Document(str(write_docx([page], tmp_path / "report.docx", hostile)))
    clean = hostile.replace("\x0b", "").replace("\x00", "")
    assert texts(document.tables[0]) == [[clean], [clean]]
    assert [p.text for p in document.paragraphs].count(clean) >= 4


# ------------------------------------------------------------------------------------------------------------- charts


def charts_in(file: Path) -> list[ET.Element]:
    with zipfile.ZipFile(file) as archive:
        count = sum(name.startswith("word/charts/chart") for name in archive.namelist())
        return [ET.fromstring(archive.read(f"word/charts/chart{i}.xml")) for i in range(1, count + 1)]


def cached(element: ET.Element, *path: str) -> list[float | None]:
    """Numbers stored with a chart, with None where a cell was empty."""
    cache = element.find("/".join(f"{C}{name}" for name in path))
    assert cache is not None
    count = cache.find(f"{C}ptCount")
    assert count is not None
    found: list[float | None] = [None] * int(count.get("val", "0"))
    for point in cache.findall(f"{C}pt"):
        value = point.find(f"{C}v")
        assert value is not None
        found[int(point.get("idx", ""))] = float(value.text) if value.text else None
    return found


def test_every_chart_is_shown_once_and_holds_the_numbers_it_draws(file: Path, pages: list[Page]) -> None:
    tables = {(p.name, b.key): b for p in pages for b in p.blocks if isinstance(b, Table)}
    shown_pages = [p for p in pages if not p.name.startswith("Trace ")]
    told = dict.fromkeys(c for p in shown_pages for block in p.blocks if isinstance(block, tuple) for c in block)
    drawn = charts_in(file)
    assert len(drawn) == len(told) >= 7
    for element, chart in zip(drawn, told, strict=True):
        for series, line in zip(element.iter(f"{C}ser"), chart.series, strict=True):
            rows = tables[line.page, line.table].rows
            if chart.kind == "bars":
                expected = list(rows[line.first][line.y : line.y + (line.until or 0)])
                assert cached(series, "val", "numRef", "numCache") == pytest.approx(expected, rel=1e-14)
                continue
            rows = rows[line.first : None if line.last is None else line.last + 1]
            for name, column in (("xVal", line.x), ("yVal", line.y)):
                stored = cached(series, name, "numRef", "numCache")
                assert stored == pytest.approx([row[column] for row in rows], rel=1e-14)


def test_a_chart_shown_before_is_only_named(file: Path) -> None:
    words = [p.text for p in docx.Document(str(file)).paragraphs]
    assert any(text.startswith("See Figure 1: ") for text in words), "the frontier stands on the Summary already"


def test_every_chart_is_told_to_who_cannot_see_it(file: Path, kept: list[Page]) -> None:
    told = [node.get("descr", "") for node in part(file, "word/document.xml").iter(f"{WP}docPr")]
    charts = dict.fromkeys(c for p in kept for block in p.blocks if isinstance(block, tuple) for c in block)
    for words, chart in zip(told, charts, strict=True):
        assert " chart: " in words
        assert all(f"{series.name}: " in words for series in chart.series)


def value(element: ET.Element, name: str) -> str | None:
    child = element.find(f"{C}{name}")
    return None if child is None else child.get("val")


def test_nothing_is_left_to_what_a_version_of_word_takes_for_granted(file: Path) -> None:
    for chart in charts_in(file):
        assert value(chart, "roundedCorners") == "0"
        plot = chart.find(f"{C}chart")
        assert plot is not None
        assert (value(plot, "autoTitleDeleted"), value(plot, "dispBlanksAs")) == ("1", "gap")
        assert all(value(line, "smooth") == "0" for s in chart.iter(f"{C}scatterChart") for line in s.iter(f"{C}ser"))
        assert all(value(s, "invertIfNegative") == "0" for b in chart.iter(f"{C}barChart") for s in b.iter(f"{C}ser"))
        axes = [*chart.iter(f"{C}valAx"), *chart.iter(f"{C}catAx")]
        assert axes and all((value(a, "delete"), value(a, "minorTickMark")) == ("0", "none") for a in axes)
        for axis in axes:  # the order that the schema asks for
            order = ["axId", "scaling", "delete", "axPos", "majorGridlines", "title", "numFmt", "majorTickMark"]
            order += ["minorTickMark", "tickLblPos", "spPr", "txPr", "crossAx"]
            names = [child.tag.removeprefix(C) for child in axis if child.tag.removeprefix(C) in order]
            assert names == sorted(names, key=order.index)


def test_intervals_and_words_of_a_forest_are_stored_with_it() -> None:
    rows = (("A", 0.5, 2.0, 0.25, 0.5), ("B", 0.8, 1.0, 0.1, 0.2))
    table = Table("T", tuple(Column(h) for h in "abcde"), rows, "t")
    series = Series("Trials", "P", "t", 1, 2, "#123456", markers=True, error=(3, 4), names=0)
    chart = Chart("points", "Forest", "Ratio", "", (series,), x_log=True, y_limit=3.0, y_hidden=True)
    page = Page("P", "P", "", (table, (chart,)))
    from markov.report.writers.drawn_series import read_series

    drawn = ET.fromstring(explicit(word_charts([page])[chart], [read_series(chart, series, {("P", "t"): table})]))
    (line,) = drawn.iter(f"{C}ser")
    assert cached(line, "errBars", "minus", "numLit") == [0.25, 0.1]
    assert cached(line, "errBars", "plus", "numLit") == [0.5, 0.2]
    for label in [*drawn.iter(f"{C}dLbl"), *drawn.iter(f"{C}dLbls")]:
        assert [value(label, f"show{what}") for what in ("SerName", "CatName", "LegendKey")] == ["0", "0", "0"]
    hidden = [value(axis, "delete") for axis in drawn.iter(f"{C}valAx")]
    assert sorted(map(str, hidden)) == ["0", "1"], "the axis that only orders the lines stays hidden"


# -------------------------------------------------------------------------------------------------------------- files


def test_the_document_asks_for_nothing_from_outside(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            assert "vba" not in name.lower() and "embeddings" not in name
            if name.endswith(".rels"):
                assert b'TargetMode="External"' not in archive.read(name)
            if name.endswith((".xml", ".rels")):
                ET.fromstring(archive.read(name))


def test_equal_pages_are_equal_bytes(pages: list[Page], tmp_path: Path) -> None:
    some = [page for page in pages if page.name != "Inputs used"]
    files = [write_docx(some, tmp_path / name, "Title").read_bytes() for name in ("one.docx", "two.docx")]
    assert files[0] == files[1]
    with zipfile.ZipFile(tmp_path / "one.docx") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2026, 1, 1, 0, 0, 0)}, "no clock"
    assert {file.name for file in tmp_path.iterdir()} == {"one.docx", "two.docx"}


def test_a_document_that_is_open_elsewhere_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ReportError, match=r"open\.docx is open in another program"):
        write_docx([Page("P", "P", "", ())], tmp_path / "open.docx", "x")
    assert not list(tmp_path.iterdir()), "nothing half written stays behind"


def test_a_document_into_a_place_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ReportError, match="Choose another folder"):
        write_docx([Page("P", "P", "", ())], tmp_path / "file" / "report.docx", "x")


@needs_libreoffice
def test_libreoffice_opens_the_document(file: Path, tmp_path: Path) -> None:
    told = convert(file, "pdf", tmp_path)
    if "could not be loaded" in told:
        pytest.skip("this LibreOffice has no Writer")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000, told
