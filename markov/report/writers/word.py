"""The tables that an agency's dossier asks for, as a Word document: captions, repeated headers, landscape where wide.

Its charts are Word's own, made from those of the Excel report, with the numbers they draw stored beside the picture.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markov.excel.style import BAD, CHANGED, FIXED_DATE, FONT, GOOD, HEADER, INK, PAPER, RULE, WARN, WEAK
from markov.report.files import write_packed
from markov.report.page import Chart, Page, Table, Text
from markov.report.writers.drawn_series import read_series
from markov.report.writers.html_charts import chart_in_words
from markov.report.writers.number_formats import is_long, is_numeric, look_of, mark_of, shown, tint_of, widths_of
from markov.report.writers.word_charts import explicit, word_charts

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import _Cell
    from docx.text.paragraph import Paragraph

PAGE_MM, MARGIN_MM = (210.0, 297.0), 18.0
CHART_MM = (165.0, 84.0)
CHARACTER_MM = 1.75  # of a column's width, at the size of a table's text
LANDSCAPE = 150.0  # characters across, beyond which a table stands on a landscape page
SMALL_PRINT = 180.0
TEXT, SMALL_TEXT = "Tabletext", "Tabletextsmall"  # ids of styles
FILLS = {"pass": GOOD, "warn": WARN, "fail": BAD, "weak": WEAK}
CHART_TYPE = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
CHART_XML = """<w:drawing {namespaces}><wp:inline distT="0" distB="0" distL="0" distR="0">
<wp:extent cx="{width}" cy="{height}"/><wp:docPr id="{number}" name="Figure {number}" descr=""/>
<wp:cNvGraphicFramePr/><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/chart">
<c:chart xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" r:id="{part}"/>
</a:graphicData></a:graphic></wp:inline></w:drawing>"""


def write_docx(pages: Sequence[Page], path: str | Path, title: str) -> Path:
    """Write a report as a Word document and move it into place; an existing one of that name is replaced.

    Traces and other tables that are data rather than reading are left out, and the first paragraph says so.  Equal
    pages give equal bytes.  Raises ReportError where the place cannot be written, or the file is open in another
    program.

    >>> import tempfile
    >>> page = Page("Summary", "A question", "", (Text("An answer", "lead"),))
    >>> write_docx([page], Path(tempfile.mkdtemp()) / "report.docx", "A question").name
    'report.docx'
    """
    return write_packed(path, lambda file: _Writer(pages, title).save(file))


class _Writer:
    """Lays out pages one after another and counts tables and figures."""

    def __init__(self, pages: Sequence[Page], title: str):
        import docx

        self.pages, self.title = pages, title
        self.document: Document = docx.Document()
        self.tables = {(p.name, b.key): b for p in pages for b in p.blocks if isinstance(b, Table)}
        self.charts = word_charts(pages)
        self.figures: dict[Chart, int] = {}
        self.counted = 0
        self.landscape = False

    def save(self, file: io.BytesIO) -> None:
        """Write every page, and pack the document with fixed dates."""
        _prepare(self.document, self.title)
        self.document.add_paragraph(_clean(self.title), "Title")
        self._text(Text(_told(self.pages)))
        for page in self.pages:
            if not is_data(page):
                self._page(page)
        packed = io.BytesIO()
        self.document.save(packed)
        _repack(packed, file)

    def _page(self, page: Page) -> None:
        widths = [widths_of(page, table) for table in page.blocks if isinstance(table, Table) and not is_long(table)]
        landscape = max(map(sum, widths), default=0.0) > LANDSCAPE
        if landscape != self.landscape:
            _turn(self.document, landscape)
            self.landscape = landscape
        self.document.add_heading(_clean(page.name if page.title == self.title else page.title), 1)
        self._text(Text(page.subtitle, "subtitle"))
        for block in page.blocks:
            if isinstance(block, Text):
                self._text(block)
            elif isinstance(block, Table):
                self._table(page, block)
            else:
                for chart in block:
                    self._chart(chart)

    def _text(self, text: Text) -> None:
        if not text.words:
            return
        if text.style == "section":
            self.document.add_heading(_clean(text.words), 2)
            return
        paragraph = self.document.add_paragraph(_clean(text.words), "Note" if text.style == "note" else None)
        if text.style == "changed":
            _shade(paragraph._p.get_or_add_pPr(), CHANGED)

    # --------------------------------------------------------------------------------------------------- tables

    def _table(self, page: Page, table: Table) -> None:
        if is_long(table):
            self._text(Text(f"{table.title}: {len(table.rows):,} rows, left to the Excel report.", "note"))
            return
        self.counted += 1
        caption = self.document.add_paragraph(style="Caption")
        _counted(caption, "Table", self.counted, table.title)
        caption.paragraph_format.keep_with_next = True
        drawn = self.document.add_table(len(table.rows) + 1, len(table.columns))
        drawn.autofit = False
        wide = widths_of(page, table)
        _rule(drawn._tbl.tblPr)
        across = (PAGE_MM[1] if self.landscape else PAGE_MM[0]) - 2.0 * MARGIN_MM
        _set_widths(drawn, [w * min(CHARACTER_MM, across / sum(wide)) for w in wide])
        style = SMALL_TEXT if sum(wide) > SMALL_PRINT else TEXT
        rows = [list(row.cells) for row in drawn.rows]
        for cell, column in zip(rows[0], table.columns, strict=True):
            _write(cell, column.header, style, bold=True, right=is_numeric(column.look), colour=PAPER, fill=HEADER)
        for number, cells in enumerate(rows[1:]):
            _write_row(cells, table, number, style)
        _keep_rows(drawn, len(table.rows) <= 12)
        for note in table.notes:
            self._text(Text(note, "note"))

    # --------------------------------------------------------------------------------------------------- charts

    def _chart(self, chart: Chart) -> None:
        """A chart of its own, with its finding as caption; one that was shown before is only named."""
        if chart in self.figures:
            self._text(Text(f"See Figure {self.figures[chart]}: {chart.title}.", "note"))
            return
        number = self.figures[chart] = len(self.figures) + 1
        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.keep_with_next = True
        words = chart_in_words(chart, self.tables)
        part = explicit(self.charts[chart], [read_series(chart, series, self.tables) for series in chart.series])
        _place_chart(self.document, paragraph, part, number, words)
        _counted(self.document.add_paragraph(style="Caption"), "Figure", number, chart.title)


def is_data(page: Page) -> bool:
    """Whether a page holds nothing but long tables and the charts drawn from them, as a trace does."""
    tables = [block for block in page.blocks if isinstance(block, Table)]
    return bool(tables) and all(is_long(table) for table in tables)


def _told(pages: Sequence[Page]) -> str:
    """The first paragraph: what the document holds and what it leaves out."""
    left_out = ", ".join(page.name for page in pages if is_data(page))
    missing = f" It leaves out the long tables ({left_out}): they are in the Excel report." if left_out else ""
    return (
        "This document holds the tables and charts of the report for a dossier, with numbers rounded as there."
        f"{missing} Its charts can be styled in Word; their numbers are stored with them and cannot be edited here."
    )


# ----------------------------------------------------------------------------------------------- pieces of a document


def _prepare(document: "Document", title: str) -> None:
    """Styles, page and properties of an empty document."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.shared import Pt, RGBColor

    styles: Any = document.styles
    for name, size in (("Note", 8.5), (TEXT, 8.5), (SMALL_TEXT, 7.0)):
        styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH).base_style = styles["Normal"]
        styles[name].font.size = Pt(size)
        styles[name].paragraph_format.space_after = Pt(6.0 if name == "Note" else 1.0)
    styles["Note"].font.italic = True
    styles["Caption"].paragraph_format.space_before = Pt(10.0)
    styles["Normal"].font.size = Pt(10.5)
    styles["Normal"].font.color.rgb = RGBColor.from_string(INK[1:])
    for name in ("Title", "Heading 1", "Heading 2", "Caption"):
        styles[name].font.color.rgb = RGBColor.from_string(HEADER[1:])
    styles["Title"].font.size, styles["Caption"].font.size = Pt(22.0), Pt(9.5)
    for name in ("Normal", "Title", "Heading 1", "Heading 2"):
        _set_font(styles[name].element.get_or_add_rPr())
    properties = document.core_properties
    properties.title, properties.author, properties.comments = _clean(title)[:255], "", ""
    properties.created = properties.modified = datetime(*FIXED_DATE)
    for key, relation in list(document.part.rels.items()):  # styles of Word 2010, out of date as soon as one is added
        if relation.reltype.endswith("/stylesWithEffects"):
            del document.part.rels[key]
    _set_page(document.sections[0], landscape=False)
    _number_pages(document.sections[0].footer.paragraphs[0], title)


def _set_font(look: Any) -> None:
    """One font for every script, in place of the theme's."""
    from docx.oxml.ns import qn

    fonts = look.get_or_add_rFonts()
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    for name in ("ascii", "hAnsi", "cs", "eastAsia"):
        fonts.set(qn(f"w:{name}"), FONT)


def _set_page(section: Any, *, landscape: bool) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm

    width, height = reversed(PAGE_MM) if landscape else PAGE_MM
    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(width), Mm(height)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(MARGIN_MM)


def _turn(document: "Document", landscape: bool) -> None:
    """Start a page of the other orientation; the first page is turned where it still is empty but for its title."""
    from docx.enum.section import WD_SECTION

    first = not any(p.style is not None and p.style.name == "Heading 1" for p in document.paragraphs)
    section = document.sections[0] if first else document.add_section(WD_SECTION.NEW_PAGE)
    _set_page(section, landscape=landscape)


def _element(name: str, **attributes: object) -> Any:
    """An element of Word's language with its attributes."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    element = OxmlElement(f"w:{name}")
    for key, value in attributes.items():
        element.set(qn(f"w:{key}"), str(value))
    return element


def _field(paragraph: "Paragraph", instruction: str, shown_as: str) -> None:
    """A field that Word counts itself, with what it says until then."""
    field = _element("fldSimple", instr=instruction)
    run = paragraph.add_run(shown_as)._r
    run.addprevious(field)
    field.append(run)


def _counted(paragraph: "Paragraph", word: str, number: int, title: str) -> None:
    """A caption that Word can count and list: Table 1: its title."""
    paragraph.add_run(f"{word} ")
    _field(paragraph, f" SEQ {word} \\* ARABIC ", str(number))
    paragraph.add_run(f": {_clean(title)}")


def _number_pages(paragraph: "Paragraph", title: str) -> None:
    paragraph.style = "Note"
    paragraph.add_run(f"{_clean(title)} · page ")
    _field(paragraph, " PAGE ", "1")


def _shade(properties: Any, fill: str) -> None:
    from docx.oxml.ns import qn

    shade = _element("shd", val="clear", color="auto", fill=fill[1:])
    later = [properties.find(qn(f"w:{name}")) for name in ("spacing", "ind", "jc", "vAlign")]
    first = next((element for element in later if element is not None), None)
    properties.append(shade) if first is None else first.addprevious(shade)


def _rule(properties: Any) -> None:
    """Thin lines between the rows of a table, and a millimetre beside its words."""
    from docx.oxml.ns import qn

    borders, margins = _element("tblBorders"), _element("tblCellMar")
    for side in ("top", "bottom", "insideH"):
        borders.append(_element(side, val="single", sz=4, space=0, color=RULE[1:]))
    for side in ("left", "right"):
        margins.append(_element(side, w=57, type="dxa"))
    layout = properties.find(qn("w:tblLayout"))
    layout.addprevious(borders)
    layout.addnext(margins)


def _set_widths(table: Any, millimetres: Sequence[float]) -> None:
    from docx.shared import Mm

    for column, width in zip(table._tbl.tblGrid.gridCol_lst, millimetres, strict=True):
        column.w = Mm(width)
    for row in table._tbl.tr_lst:
        for cell, width in zip(row.tc_lst, millimetres, strict=True):
            cell.width = Mm(width)


def _keep_rows(table: Any, together: bool) -> None:
    """Repeat the header on every page, never cut a row, and keep a short table on one page."""
    for i, row in enumerate(table._tbl.tr_lst):
        properties = row.get_or_add_trPr()
        properties.append(_element("cantSplit"))
        if i == 0:
            properties.append(_element("tblHeader"))
    for row in table.rows[:-1] if together else table.rows[:1]:
        for cell in row.cells:
            cell.paragraphs[0].paragraph_format.keep_with_next = True


def _write_row(cells: "Sequence[_Cell]", table: Table, number: int, style: str) -> None:
    bold = number in table.bold
    for i, cell in enumerate(cells):
        value, look = table.rows[number][i], look_of(table, number, i)
        mark = mark_of(table, number, i)
        words = shown(value, look, table.currency)
        right = is_numeric(look) and not isinstance(value, str)
        colour = "#C00000" if look == "money" and words.startswith("-") else ""
        heavy = bold or look == "strong" or mark == "fail"
        fill = FILLS.get(mark, "") or tint_of(table, number, i)
        _write(cell, words, style, bold=heavy, right=right, colour=colour, fill=fill)


def _write(
    cell: "_Cell", words: str, style: str, *, bold: bool = False, right: bool = False, colour: str = "", fill: str = ""
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import RGBColor

    paragraph = cell.paragraphs[0]
    paragraph._p.style = style  # by its id: a look-up by name takes a millisecond a cell
    if right:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    if words:
        run = paragraph.add_run(_clean(words))
        run.bold = bold or None
        if colour:
            run.font.color.rgb = RGBColor.from_string(colour[1:])
    if fill:
        _shade(cell._tc.get_or_add_tcPr(), fill)


def _place_chart(document: "Document", paragraph: "Paragraph", xml: bytes, number: int, words: str) -> None:
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls
    from docx.shared import Mm

    part = Part(PackURI(f"/word/charts/chart{number}.xml"), CHART_TYPE, xml, document.part.package)
    width, height = (int(Mm(side)) for side in CHART_MM)
    told = {"namespaces": nsdecls("w", "wp", "a", "r"), "width": width, "height": height, "number": number}
    drawing = parse_xml(CHART_XML.format(part=document.part.relate_to(part, RELATIONSHIP_TYPE.CHART), **told))
    next(_named(drawing, "docPr")).set("descr", _clean(words))
    paragraph.add_run()._r.append(drawing)


def _named(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element.iter() if child.tag.endswith(f"}}{name}"))


def _clean(words: str) -> str:
    """A text without the control characters that no document may hold."""
    return "".join(c for c in words if c >= " " or c in "\n\t")


def _repack(packed: io.BytesIO, file: io.BytesIO) -> None:
    """The same archive with fixed dates, so that equal reports are equal files."""
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, (*FIXED_DATE, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, source.read(name))
