"""The charts of the Excel report for a Word document: one language, but Word wants every default spelled out.

A chart that XlsxWriter makes leaves out what Excel 2007 took for granted. Read by the rules of later versions, a part
that is missing is switched on: smoothed lines, rounded corners, data labels with everything in them. What is
meant is therefore written down here.  Source: ECMA-376, part 1, 21.2 (DrawingML charts).
"""

import io
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markov.excel.style import FONT
from markov.report.page import Block, Chart, Page
from markov.report.writers.drawn_series import Drawn
from markov.report.writers.excel import packed

CHART = "http://schemas.openxmlformats.org/drawingml/2006/chart"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LOOK = f"""<c:txPr xmlns:c="{CHART}" xmlns:a="{DRAWING}"><a:bodyPr/><a:lstStyle/><a:p><a:pPr><a:defRPr>
<a:latin typeface="{FONT}"/></a:defRPr></a:pPr><a:endParaRPr lang="en-GB"/></a:p></c:txPr>"""


@dataclass(frozen=True)
class Default:
    """A child that an element must have: its name, its value, and the siblings that stand before it."""

    path: str
    name: str
    value: str
    after: tuple[str, ...]


AXIS = ("axId", "scaling", "delete", "axPos", "majorGridlines", "minorGridlines", "title", "numFmt", "majorTickMark")
LABEL = ("dLbl", "idx", "layout", "tx", "numFmt", "spPr", "txPr", "dLblPos")
SHOWN = ("showLegendKey", "showVal", "showCatName", "showSerName", "showPercent", "showBubbleSize")
DEFAULTS = (
    Default(".", "roundedCorners", "0", ("date1904", "lang")),
    Default("c:chart", "autoTitleDeleted", "1", ("title",)),
    Default("c:chart", "dispBlanksAs", "gap", ("plotArea", "legend", "plotVisOnly")),
    Default(".//c:scatterChart", "varyColors", "0", ("scatterStyle",)),
    Default(".//c:barChart", "varyColors", "0", ("barDir", "grouping")),
    Default(".//c:areaChart", "varyColors", "0", ("grouping",)),
    Default(".//c:scatterChart/c:ser", "smooth", "0", ("yVal",)),
    Default(".//c:barChart/c:ser", "invertIfNegative", "0", ("idx", "order", "tx", "spPr")),
    Default(".//c:errBars", "noEndCap", "0", ("errDir", "errBarType", "errValType")),
    Default(".//c:legend", "overlay", "0", ("legendPos", "legendEntry", "layout")),
    Default(".//c:title", "overlay", "0", ("tx", "layout")),
    *(Default(f".//c:{axis}", "delete", "0", AXIS[:2]) for axis in ("valAx", "catAx")),
    *(Default(f".//c:{axis}", "majorTickMark", "out", AXIS[:-1]) for axis in ("valAx", "catAx")),
    *(Default(f".//c:{axis}", "minorTickMark", "none", AXIS) for axis in ("valAx", "catAx")),
    *(
        Default(f".//c:{label}", name, "0", (*LABEL, *SHOWN[:i]))
        for label in ("dLbls", "dLbl")
        for i, name in enumerate(SHOWN)
    ),
)


def word_charts(pages: Sequence[Page]) -> dict[Chart, bytes]:
    """Every chart of a report as Excel would hold it, with its numbers, without its title: a caption says that.

    `explicit` makes one of them a part of a Word document.  Raises KeyError where a series names no table.
    """
    listed = [chart for page in pages for block in page.blocks if isinstance(block, tuple) for chart in block]
    if not listed:
        return {}
    untitled = [replace(page, blocks=tuple(map(_without_titles, page.blocks))) for page in pages]
    with zipfile.ZipFile(io.BytesIO(packed(untitled, "Charts"))) as archive:
        parts = [archive.read(f"xl/charts/chart{i}.xml") for i in range(1, len(listed) + 1)]
    return dict(zip(listed, parts, strict=True))


def explicit(part: bytes, drawn: Sequence[Drawn] = ()) -> bytes:
    """A chart with every default spelled out, in the report's font, without a printer's page.

    `drawn` are its series with their numbers: XlsxWriter stores those of points and columns, not those of error bars.

    >>> b"smooth" in explicit(f'<c:chartSpace xmlns:c="{CHART}"><c:chart/></c:chartSpace>'.encode())
    False
    """
    for prefix, name in (("c", CHART), ("a", DRAWING), ("r", RELATIONS)):
        ET.register_namespace(prefix, name)
    space = ET.fromstring(part)
    for default in DEFAULTS:
        for parent in space.findall(default.path, {"c": CHART}):
            _state(parent, default)
    for element, series in zip(space.iter(f"{{{CHART}}}ser"), drawn, strict=False):
        _store_reach(element, series)
    for printed in space.findall(f"{{{CHART}}}printSettings"):
        space.remove(printed)
    space.append(ET.fromstring(LOOK))
    return bytes(ET.tostring(space, encoding="UTF-8", xml_declaration=True))


def _state(parent: ET.Element, default: Default) -> None:
    names = [child.tag.partition("}")[2] for child in parent]
    if default.name in names or ("delete" in names and parent.tag.endswith("dLbl")):
        return
    place = max((i + 1 for i, name in enumerate(names) if name in default.after), default=0)
    parent.insert(place, ET.Element(f"{{{CHART}}}{default.name}", val=default.value))


def _store_reach(element: ET.Element, drawn: Drawn) -> None:
    """Write how far each error bar reaches into the chart itself, in place of where a workbook would hold it."""
    for side, name in enumerate(("minus", "plus")):
        ends = element.find(f"c:errBars/c:{name}", {"c": CHART})
        if ends is None:
            continue
        ends.clear()
        literal = ET.SubElement(ends, f"{{{CHART}}}numLit")
        ET.SubElement(literal, f"{{{CHART}}}formatCode").text = "General"
        ET.SubElement(literal, f"{{{CHART}}}ptCount", val=str(len(drawn.reach)))
        for i, reach in enumerate(drawn.reach):
            point = ET.SubElement(literal, f"{{{CHART}}}pt", idx=str(i))
            ET.SubElement(point, f"{{{CHART}}}v").text = repr(reach[side])


def _without_titles(block: Block) -> Block:
    return tuple(replace(chart, title="") for chart in block) if isinstance(block, tuple) else block
