"""The report as one page for a browser: the pages, tables and charts of the Excel report, in a single file.

The file asks for nothing from outside: its style stands in it, its charts are drawn in it, and it runs no script.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from markov.excel.style import ACCENT, BAD, CHANGED, GOOD, HEADER, INK, PAPER, RULE, SOFT, WARN, WEAK
from markov.report.files import write_whole
from markov.report.page import Cell, Chart, Page, Table, Text
from markov.report.writers.drawing import FONT
from markov.report.writers.drawn_series import Tables
from markov.report.writers.html_charts import chart_svg
from markov.report.writers.number_formats import is_long, is_numeric, look_of, mark_of, shown, tint_of, widths_of

ALONE, BESIDE = 760.0, 560.0  # width of a chart that stands alone, and of charts side by side
STYLE = f"""
:root {{ color-scheme: light; }}
body {{ margin: 0 auto; max-width: 1240px; padding: 0 24px 48px; font: 15px/1.45 {FONT}; color: {INK};
  background: {PAPER}; }}
h1, h2, h3 {{ color: {HEADER}; line-height: 1.2; break-after: avoid; }}
h1 {{ font-size: 28px; margin: 24px 0 4px; }}
h2 {{ font-size: 23px; margin: 48px 0 4px; padding-top: 16px; border-top: 3px solid {HEADER}; }}
h3 {{ font-size: 17px; margin: 28px 0 8px; padding-bottom: 3px; border-bottom: 2px solid {ACCENT}; }}
p {{ margin: 6px 0; max-width: 100ch; }}
a {{ color: {ACCENT}; }}
.subtitle {{ color: #55606E; margin: 0 0 12px; }}
.lead {{ font-size: 17px; }}
.note {{ color: #55606E; font-size: 13px; font-style: italic; }}
.changed {{ background: {CHANGED}; padding: 6px 10px; }}
nav ul {{ columns: 4 180px; list-style: none; margin: 8px 0 0; padding: 12px 16px; background: {SOFT}; }}
.top {{ font-size: 13px; }}
.scroll {{ overflow-x: auto; margin: 8px 0; }}
table {{ border-collapse: collapse; font-size: 14px; }}
thead th {{ background: {HEADER}; color: {PAPER}; vertical-align: bottom; border: 1px solid {RULE}; }}
th, td {{ padding: 3px 9px; vertical-align: top; border-bottom: 1px solid {RULE}; text-align: right;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }}
td {{ white-space: nowrap; }}
th.t, td.t {{ text-align: left; white-space: pre-line; max-width: 44ch; }}
tbody th {{ font-weight: normal; }}
table.wide {{ min-width: 100%; }}
table.wide :is(th, td) {{ max-width: none; }}
table.wide tbody th {{ position: sticky; left: 0; background: {PAPER}; }}
tbody .s, tr.b > * {{ font-weight: bold; }}
.minus {{ color: #C00000; }}
.pass {{ background: {GOOD}; }} .warn {{ background: {WARN}; }} .weak {{ background: {WEAK}; }}
.fail {{ background: {BAD}; font-weight: bold; }}
summary {{ cursor: pointer; color: {ACCENT}; padding: 4px 0; }}
.charts {{ display: flex; flex-wrap: wrap; gap: 12px 20px; margin: 18px 0; }}
figure {{ margin: 0; flex: 1 1 380px; max-width: {ALONE:.0f}px; break-inside: avoid; }}
figure svg {{ width: 100%; height: auto; display: block; }}
:focus-visible {{ outline: 2px solid {ACCENT}; }}
@page {{ size: A4 landscape; margin: 12mm; }}
@media print {{
  body {{ max-width: none; padding: 0; font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  h2 {{ break-before: page; border: 0; margin-top: 0; }}
  nav + section h2 {{ break-before: avoid; }}
  .top {{ display: none; }}
  .scroll {{ overflow: visible; }}
  table {{ font-size: 8pt; max-width: 100%; }}
  table:not(:has(tr:nth-child(21))) {{ break-inside: avoid; }}
  table.wide {{ width: 100% !important; font-size: 6.5pt; }}
  table.wide :is(th, td) {{ padding: 1px 3px; overflow-wrap: anywhere; }}
  table.wide tbody th {{ position: static; }}
  tr {{ break-inside: avoid; }}
  thead {{ display: table-header-group; }}
}}
"""
WIDE = 180.0  # characters across, beyond which the columns of a table share the page as they do in Excel


def write_html(pages: Sequence[Page], path: str | Path, title: str, language: str = "en") -> Path:
    """Write a report as one HTML file and move it into place; an existing one of that name is replaced.

    Equal pages give equal bytes.  Raises ReportError where the place cannot be written, or the file is open in
    another program.

    >>> import tempfile
    >>> page = Page("Summary", "A question", "", (Text("An answer", "lead"),))
    >>> file = write_html([page], Path(tempfile.mkdtemp()) / "report.html", "A question")
    >>> '<p class="lead">An answer</p>' in file.read_text(encoding="utf-8")
    True
    """
    text = document(pages, title, language)
    return write_whole(path, lambda file: file.write_bytes(text.encode("utf-8")))


def document(pages: Sequence[Page], title: str, language: str = "en") -> str:
    """The whole report as text: head, contents, and a section for every page."""
    tables = {(page.name, block.key): block for page in pages for block in page.blocks if isinstance(block, Table)}
    parts = [
        f'<!DOCTYPE html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        f'<h1 id="top">{escape(title)}</h1>',
        '<nav aria-label="Contents">\n<ul>',
        *(f'<li><a href="#page-{i}">{escape(page.name)}</a></li>' for i, page in enumerate(pages, 1)),
        "</ul>\n</nav>",
        *(_section(page, i, tables, title) for i, page in enumerate(pages, 1)),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _section(page: Page, number: int, tables: Tables, title: str) -> str:
    heading = page.name if page.title == title else page.title
    name = f"page-{number}"
    parts = [f'<section aria-labelledby="{name}">', f'<h2 id="{name}">{escape(heading)}</h2>']
    if page.subtitle:
        parts.append(f'<p class="subtitle">{escape(page.subtitle)}</p>')
    for i, block in enumerate(page.blocks, 1):
        if isinstance(block, Text):
            parts.append(_text(block))
        elif isinstance(block, Table):
            parts.append(_table(block, f"table-{number}-{i}", widths_of(page, block)))
        else:
            parts.append(_charts(block, tables, f"chart-{number}-{i}"))
    parts.append('<p class="top"><a href="#top">Back to the contents</a></p>\n</section>')
    return "\n".join(part for part in parts if part)


def _text(text: Text) -> str:
    if not text.words:
        return ""
    if text.style == "section":
        return f"<h3>{escape(text.words)}</h3>"
    return f'<p class="{escape(text.style)}">{escape(text.words)}</p>'


def _charts(charts: Iterable[Chart], tables: Tables, name: str) -> str:
    listed = tuple(charts)
    width = ALONE if len(listed) == 1 else BESIDE
    drawn = (f"<figure>\n{chart_svg(chart, tables, f'{name}-{i}', width)}\n</figure>" for i, chart in enumerate(listed))
    return "\n".join(['<div class="charts">', *drawn, "</div>"]) if listed else ""


# ------------------------------------------------------------------------------------------------------------- tables


def _table(table: Table, name: str, widths: Sequence[float]) -> str:
    kind, columns = _columns(widths)
    parts = [
        f'<h3 id="{name}">{escape(table.title)}</h3>',
        f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">',
        f'<table{kind} aria-labelledby="{name}">{columns}\n<thead><tr>{_headers(table)}</tr></thead>\n<tbody>',
        *(_row(table, number) for number in range(len(table.rows))),
        "</tbody>\n</table>\n</div>",
    ]
    if is_long(table):
        parts.insert(1, f"<details>\n<summary>Show all {len(table.rows):,} rows</summary>")
        parts.append("</details>")
    return "\n".join([*parts, *(f'<p class="note">{escape(note)}</p>' for note in table.notes)])


def _columns(widths: Sequence[float]) -> tuple[str, str]:
    """Class and columns of a table too wide for its own good; a browser lays out the others better by itself."""
    if sum(widths) <= WIDE:
        return "", ""
    columns = "".join(f'<col style="width:{100.0 * width / sum(widths):.1f}%">' for width in widths)
    return f' class="wide" style="width:{0.66 * sum(widths):.0f}ch"', f"<colgroup>{columns}</colgroup>"


def _headers(table: Table) -> str:
    cells = ((" " if is_numeric(c.look) else ' class="t" ', escape(c.header)) for c in table.columns)
    return "".join(f'<th{kind}scope="col">{header}</th>' for kind, header in cells)


def _row(table: Table, number: int) -> str:
    cells = (_cell(table, number, column) for column in range(len(table.columns)))
    bold = ' class="b"' if number in table.bold else ""
    return f"<tr{bold}>{''.join(cells)}</tr>"


def _cell(table: Table, row: int, column: int) -> str:
    """A cell; the first one heads its row, and a number that is rounded carries all its digits as a title."""
    value, look = table.rows[row][column], look_of(table, row, column)
    words = shown(value, look, table.currency)
    kinds = [
        "t" if isinstance(value, str) or not is_numeric(look) else "",
        "s" if look == "strong" and value else "",
        mark_of(table, row, column),
        "minus" if look == "money" and words.startswith("-") else "",
    ]
    kind = " ".join(k for k in kinds if k)
    tint = escape(tint_of(table, row, column))
    classed = (f' class="{kind}"' if kind else "") + (f' style="background:{tint}"' if tint else "")
    if column == 0 and words:
        breakable = escape(words).replace("_", "_<wbr>")  # ids are long
        return f'<th scope="row"{classed}{_title(value, words)}>{breakable}</th>'
    return f"<td{classed}{_title(value, words)}>{escape(words)}</td>"


def _title(value: Cell, words: str) -> str:
    """All digits of a number that its cell rounds."""
    if value is None or isinstance(value, str):
        return ""
    plain = re.sub(r"[^-.\d%]", "", words)
    return "" if "%" not in plain and float(plain) == value else f' title="{float(value)!r}"'
