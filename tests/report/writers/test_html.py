"""The report in a browser: whole, offline, readable by all, with the numbers of the pages and charts that draw them."""

import datetime
import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from markov import BaseCase, base_case
from markov.report.page import Chart, Column, Look, Page, Series, Table, Text
from markov.report.reports import report_pages
from markov.report.writers.axes import range_of
from markov.report.writers.drawn_series import Tables, read_series
from markov.report.writers.excel import ReportError
from markov.report.writers.html import document, write_html
from markov.report.writers.html_charts import chart_svg
from markov.report.writers.number_formats import shown

VOID = {"meta", "col", "wbr", "br", "hr", "img", "input", "link"}
NOW = datetime.datetime(2026, 1, 1)


@dataclass
class Node:
    """An element with what stands in it."""

    name: str
    given: dict[str, str]
    inside: list["Node | str"] = field(default_factory=list)

    def all(self, *names: str) -> list["Node"]:
        """Elements of these names inside, in their order."""
        found = []
        for child in self.inside:
            if isinstance(child, Node):
                found += ([child] if child.name in names or not names else []) + child.all(*names)
        return found

    def words(self) -> str:
        """All text inside."""
        return "".join(c if isinstance(c, str) else c.words() for c in self.inside)


class Reader(HTMLParser):
    """Builds the tree, and stops at an element that is closed where it was not opened."""

    def __init__(self, text: str):
        super().__init__()
        self.open = [Node("root", {})]
        self.feed(text)
        assert len(self.open) == 1, f"not closed: {[node.name for node in self.open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def read(text: str) -> Node:
    return Reader(text).open[0]


@pytest.fixture(scope="module", params=["calgb", "myeloma_ix"])
def case(request: pytest.FixtureRequest) -> BaseCase:
    return base_case(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def pages(case: BaseCase) -> list[Page]:
    return report_pages(case, "markov run test", 1.0, NOW)


@pytest.fixture(scope="module")
def text(case: BaseCase, pages: list[Page]) -> str:
    return document(pages, case.inputs.title)


@pytest.fixture(scope="module")
def tree(text: str) -> Node:
    return read(text)


def tables_of(pages: list[Page]) -> list[Table]:
    return [block for page in pages for block in page.blocks if isinstance(block, Table)]


def charts_of(pages: list[Page]) -> list[Chart]:
    return [chart for page in pages for block in page.blocks if isinstance(block, tuple) for chart in block]


def by_key(pages: list[Page]) -> Tables:
    return {(p.name, b.key): b for p in pages for b in p.blocks if isinstance(b, Table)}


# ------------------------------------------------------------------------------------------------------------ numbers


def test_every_table_holds_every_value_of_its_page_to_the_last_digit(tree: Node, pages: list[Page]) -> None:
    drawn, told = tree.all("table"), tables_of(pages)
    assert len(drawn) == len(told)
    for element, table in zip(drawn, told, strict=True):
        rows = element.all("tr")
        assert [cell.words() for cell in rows[0].all("th")] == [column.header for column in table.columns]
        assert len(rows) == len(table.rows) + 1
        for row, values in zip(rows[1:], table.rows, strict=True):
            for cell, value in zip(row.all("th", "td"), values, strict=True):
                if value is None or isinstance(value, str):
                    assert cell.words() == (value or "")
                else:
                    assert float(cell.given.get("title", re.sub("[£$€,]", "", cell.words()))) == value


def test_the_page_shows_the_outcomes_of_the_run(tree: Node, case: BaseCase) -> None:
    totals = next(t for t in tree.all("table") if "Cost, discounted" in t.words())
    row = next(r for r in totals.all("tr") if r.words().startswith("Cost, discounted"))
    assert [cell.words() for cell in row.all("td")[1:]] == [f"£{cost:,.0f}" for cost in case.outcomes.cost[0]]
    assert len([cell for cell in row.all("td")[1:] if "title" in cell.given]) == len(case.labels)


@pytest.mark.parametrize(
    ("value", "look", "excel"),
    [
        (1234.5, "money", "1,235"),  # Excel rounds halves away from zero, Python to even
        (2.5, "integer", "3"),
        (-2.5, "money", "-3"),
        (0.0005, "qaly", "0.001"),
        (0.12345, "percent", "12.3%"),
        (0.99996, "share", "1.0000"),
        (1e6, "exact", "1000000"),
        (-0.0, "years", "0.00"),
        (3.25, "months", "3.3"),
    ],
)
def test_numbers_look_as_in_excel(value: float, look: Look, excel: str) -> None:
    assert shown(value, look) == excel


def test_losses_are_red_and_verdicts_have_their_colour() -> None:
    columns = (Column("Check", "strong"), Column("Verdict"), Column("Money", "money"), Column("Status"))
    rows = (("a", "pass", -5.0, "read"), ("b", "outside", 5.0, "assumption"), ("c", "fail", None, "unverified (high)"))
    page = Page("P", "P", "", (Table("T", columns, rows, verdict=1, weak=3, bold=frozenset({1})),))
    lines = read(document([page], "x")).all("tbody")[0].all("tr")
    kinds = [[cell.given.get("class", "").split() for cell in line.all("td")] for line in lines]
    assert [line[0] for line in kinds] == [["t", "pass"], ["t", "warn"], ["t", "fail"]]
    assert [line[1] for line in kinds] == [["minus"], [], []]
    assert [line[2] for line in kinds] == [["t"], ["t", "weak"], ["t", "weak"]]
    assert [line.given.get("class") for line in lines] == [None, "b", None]


# --------------------------------------------------------------------------------------------------- a page for all


def test_nothing_is_fetched_and_nothing_runs(tree: Node, text: str) -> None:
    for node in tree.all():
        for name, value in node.given.items():
            assert not name.startswith("on")
            if name in ("href", "src", "action", "data", "srcset"):
                assert value.startswith("#")
        assert node.name not in ("script", "link", "img", "iframe", "object", "embed", "form", "base", "use", "image")
    assert re.findall(r"url\((?!#)", text) == []
    assert "@import" not in text and "@font-face" not in text


def test_every_link_and_label_leads_to_one_place(tree: Node, pages: list[Page]) -> None:
    names = [node.given["id"] for node in tree.all() if "id" in node.given]
    assert len(set(names)) == len(names)
    links = [node.given["href"].removeprefix("#") for node in tree.all("a")]
    labels = [name for node in tree.all() for name in node.given.get("aria-labelledby", "").split()]
    clips = [n.given["clip-path"].removeprefix("url(#").removesuffix(")") for n in tree.all() if "clip-path" in n.given]
    assert {*links, *labels, *clips} <= set(names)
    assert [node.words() for node in tree.all("nav")[0].all("a")] == [page.name for page in pages]


def test_headings_go_down_one_level_at_a_time(tree: Node, case: BaseCase, pages: list[Page]) -> None:
    headings = tree.all("h1", "h2", "h3", "h4")
    levels = [int(node.name[1]) for node in headings]
    assert levels[0] == 1 and levels.count(1) == 1 and levels.count(2) == len(pages)
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert headings[0].words() == case.inputs.title
    assert all(node.words() for node in headings)


def test_every_header_says_what_it_heads(tree: Node) -> None:
    for table in tree.all("table"):
        assert {th.given["scope"] for th in table.all("thead")[0].all("th")} == {"col"}
        assert {th.given["scope"] for th in table.all("tbody")[0].all("th")} <= {"row"}
        assert table.given["aria-labelledby"]
    assert tree.all("html")[0].given["lang"] == "en"


def test_traces_are_folded_and_nothing_else_is(tree: Node, pages: list[Page]) -> None:
    folded = [table for node in tree.all("details") for table in node.all("table")]
    assert len(folded) == sum(page.name.startswith("Trace ") for page in pages)
    assert len(tree.all("summary")) == len(folded)
    assert all(len(table.all("tr")) > 100 for table in folded)


HOSTILE = "<script>alert(\"1\")</script> & 'x' </title></style>]]>"


def test_no_label_can_become_markup() -> None:
    table = Table(
        HOSTILE, (Column(HOSTILE, "strong"), Column("n", "qaly")), ((HOSTILE, 1.0), ("b", 2.0)), "k", (HOSTILE,)
    )
    series = Series(HOSTILE, HOSTILE, "k", 1, 1, HOSTILE, markers=True, names=0)
    charts = tuple(
        Chart(kind, HOSTILE, HOSTILE, HOSTILE, (series,))
        for kind in ("points", "bars", "columns", "horizontal", "area")
    )
    long = Table(HOSTILE, (Column(HOSTILE),), ((HOSTILE,),), "l", long=True, verdict=0)
    blocks = (Text(HOSTILE), Text(HOSTILE, HOSTILE), Text(HOSTILE, "section"), table, charts, long)
    written = document([Page(HOSTILE, HOSTILE, HOSTILE, blocks)], HOSTILE, HOSTILE)
    tree = read(written)
    assert "<script" not in written
    assert tree.all("script") == []
    assert tree.all("h1")[0].words() == HOSTILE
    assert tree.all("html")[0].given["lang"] == HOSTILE
    assert [svg.all("title")[0].words() for svg in tree.all("svg")] == [HOSTILE] * 5


# ------------------------------------------------------------------------------------------------------------- charts


def test_every_chart_is_drawn_with_its_finding_and_a_description(tree: Node, pages: list[Page]) -> None:
    drawn, told = tree.all("svg"), charts_of(pages)
    assert len(told) >= 10
    for svg, chart in zip(drawn, told, strict=True):
        assert svg.given["role"] == "img"
        title, words = (svg.all(name)[0] for name in ("title", "desc"))
        assert svg.given["aria-labelledby"].split() == [title.given["id"], words.given["id"]]
        assert title.words() == chart.title
        assert all(series.name in words.words() for series in chart.series)


def test_pictures_are_well_formed_and_hold_no_number_that_is_none(text: str) -> None:
    for picture in re.findall(r"<svg .*?</svg>", text, re.S):
        ET.fromstring(picture)
        assert not re.search(r"nan|inf[^o]", " ".join(re.findall(r'(?:d|x|y|cx|cy|height|width)="([^"]*)"', picture)))


def scale(svg: Node, anchor: str, place: str) -> tuple[float, float]:
    """Intercept and slope from places to values, as a reader's ruler finds them from the numbers on an axis."""
    marks = []
    for node in svg.all("text"):
        number = node.words().replace(",", "")
        if node.given.get("text-anchor") == anchor and re.fullmatch(r"-?[\d.]+%?", number):
            value = float(number.rstrip("%")) / (100.0 if number.endswith("%") else 1.0)
            marks.append((float(node.given[place]), value))
    (first, low), (last, high) = marks[0], marks[-1]
    slope = (high - low) / (last - first)
    return low - slope * first, slope


def places(path: Node) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([float(v) for v in re.findall(r"-?[\d.]+", path.given["d"])]).reshape(-1, 2)


def test_a_reader_with_a_ruler_finds_the_numbers_of_the_table_on_every_line(tree: Node, pages: list[Page]) -> None:
    tables, measured = by_key(pages), 0
    for svg, chart in zip(tree.all("svg"), charts_of(pages), strict=True):
        if chart.kind not in ("lines", "points"):
            continue
        (left, per_x), (up, per_y) = scale(svg, "middle", "x"), scale(svg, "end", "y")
        lines = {p.all("title")[0].words(): p for p in svg.all("path")}
        for series in chart.series:
            rows = tables[series.page, series.table].rows[
                series.first : None if series.last is None else series.last + 1
            ]
            known = np.array(
                [(r[series.x], r[series.y]) for r in rows if None not in (r[series.x], r[series.y])], float
            )
            if series.markers:
                drawn = [c for c in svg.all("circle") if c.words().startswith(f"{series.name}: ")]
                seen = np.array([(float(c.given["cx"]), float(c.given["cy"])) for c in drawn])
            else:
                seen = places(lines[series.name])
            # half a tenth of a pixel of the place, a whole one of the ruler, and 4 pixels from words to their tick
            assert np.abs(left + per_x * seen[:, 0] - known[:, 0]).max() <= 0.2 * abs(per_x)
            assert np.abs(up + per_y * (seen[:, 1] + 4.0) - known[:, 1]).max() <= 0.2 * abs(per_y)
            measured += len(known)
    assert measured > 2000


def test_stacked_columns_reach_the_total_cost(tree: Node, case: BaseCase, pages: list[Page]) -> None:
    place = next(i for i, chart in enumerate(charts_of(pages)) if chart.kind == "bars")
    svg = tree.all("svg")[place]
    _, per_pixel = scale(svg, "end", "y")
    heights: dict[str, float] = {}
    for rect in (r for r in svg.all("rect") if r.words()):
        heights[rect.given["x"]] = heights.get(rect.given["x"], 0.0) + float(rect.given["height"])
    assert [h * -per_pixel for h in heights.values()] == pytest.approx(case.outcomes.cost[0], abs=5 * -per_pixel * 0.1)


def test_stacked_areas_fill_the_cohort(tree: Node, case: BaseCase, pages: list[Page]) -> None:
    place = next(i for i, chart in enumerate(charts_of(pages)) if chart.kind == "area")
    svg = tree.all("svg")[place]
    up, per_y = scale(svg, "end", "y")
    trace = case.outcomes.trace
    assert trace is not None
    for i, path in enumerate(svg.all("path")):
        upper = places(path)[: len(trace.boundaries), 1]
        expected = trace.occupancy[0, 0, :, : i + 1].sum(axis=-1)
        assert np.abs(up + per_y * (upper + 4.0) - expected).max() <= 0.2 * abs(per_y)


FEW = Table(
    "T",
    (Column("Name", "strong"), Column("x"), Column("y"), Column("down"), Column("up")),
    (("a", 1.0, 3.0, 0.5, 1.0), ("b", 2.0, None, 0.1, 0.1), ("c", 4.0, -1.0, 2.0, 4.0), ("d", 3.0, 2.0, 1.0, 1.0)),
    "t",
)


def picture(kind: str, *series: Series, **more: object) -> Node:
    chart = Chart(kind, "Title", "Across", "Up", series, **more)  # type: ignore[arg-type]
    return read(chart_svg(chart, {("P", "t"): FEW}, "c"))


def test_a_missing_number_leaves_a_gap() -> None:
    series = Series("s", "P", "t", 1, 2, "#000000")
    chart = Chart("lines", "t", "x", "y", (series,))
    assert read_series(chart, series, {("P", "t"): FEW}).points == ((1.0, 3.0), None, (4.0, -1.0), (3.0, 2.0))
    assert picture("lines", series).all("path")[0].given["d"].count("M") == 2


def test_what_is_below_zero_hangs_below_zero() -> None:
    series = Series("s", "P", "t", 0, 2, "#000000"), Series("r", "P", "t", 0, 1, "#111111")
    svg = picture("bars", *series)
    boxes = {r.words(): (float(r.given["y"]), float(r.given["height"])) for r in svg.all("rect") if r.words()}
    zero = boxes["s, c: -1.00"][0]
    assert boxes["s, a: 3.00"][0] + boxes["s, a: 3.00"][1] == pytest.approx(zero, abs=0.11)
    assert boxes["r, c: 4.00"][0] + boxes["r, c: 4.00"][1] == pytest.approx(zero, abs=0.11)
    assert boxes["r, a: 1.00"][0] + boxes["r, a: 1.00"][1] == pytest.approx(boxes["s, a: 3.00"][0], abs=0.11)
    assert boxes["s, a: 3.00"][1] == pytest.approx(3 * boxes["s, c: -1.00"][1], abs=0.3)


def test_columns_stand_side_by_side_and_bars_lie_from_top_to_bottom() -> None:
    series = Series("s", "P", "t", 0, 3, "#000000"), Series("r", "P", "t", 0, 4, "#111111")
    columns = [r for r in picture("columns", *series).all("rect") if r.words()]
    first, second = (next(r for r in columns if r.words().startswith(f"{name}, c")) for name in "sr")
    assert float(first.given["x"]) + float(first.given["width"]) == pytest.approx(float(second.given["x"]), abs=0.11)
    assert float(second.given["height"]) == pytest.approx(2 * float(first.given["height"]), abs=0.2)
    bars = {r.words(): r.given for r in picture("horizontal", *series).all("rect") if r.words()}
    rows = [float(bars[words]["y"]) for words in bars if words.startswith("s,")]
    assert rows == sorted(rows) and len(set(rows)) == 4
    assert float(bars["r, c: 4.00"]["x"]) == pytest.approx(
        float(bars["s, c: 2.00"]["x"]) + float(bars["s, c: 2.00"]["width"]), abs=0.11
    )


def test_ratios_stand_on_an_axis_of_doublings_with_their_intervals() -> None:
    table = Table(
        "T",
        (Column("Trial"), Column("Ratio"), Column("Line"), Column("Down"), Column("Up")),
        (("Half", 0.5, 2.0, 0.25, 0.5), ("Tenth", 0.1, 1.0, 0.05, 0.1)),
        "t",
    )
    series = tuple(
        Series(name, "P", "t", 1, 2, "#123456", i, i, markers=True, error=(3, 4), names=0)
        for i, name in enumerate(("Half", "Tenth"))
    )
    chart = Chart("points", "Forest", "Ratio", "", series, x_log=True, y_limit=3.0, y_hidden=True, legend=False)
    svg = read(chart_svg(chart, {("P", "t"): table}, "c"))
    half, tenth = (float(node.given["cx"]) for node in svg.all("circle"))
    bars = [n for n in svg.all("line") if n.given["stroke"] == "#123456"]
    low, high = (float(bars[0].given[x]) for x in ("x1", "x2"))
    assert half - low == pytest.approx(high - half, abs=0.2), "0.25 and 1 are as far from 0.5"
    assert (half - tenth) / (half - low) == pytest.approx(np.log2(5.0), abs=0.01)
    assert {"Half", "Tenth"} <= {node.words() for node in svg.all("text")}
    assert "Half: 0.50 (0.25 to 1.00)" in svg.all("desc")[0].words()


def test_a_thousand_draws_take_one_path_with_every_draw() -> None:
    rows = tuple((k, float(k % 31), float(k % 17)) for k in range(1000))
    table = Table("T", (Column("k"), Column("x"), Column("y")), rows, "t")
    chart = Chart("points", "t", "x", "y", (Series("Draws", "P", "t", 1, 2, "#000000", markers=True, width=3),))
    svg = read(chart_svg(chart, {("P", "t"): table}, "c"))
    assert svg.all("circle")[0].given["r"] == "3"  # the legend's
    assert len(svg.all("circle")) == 1
    assert svg.all("path")[0].given["d"].count("M") == 1000


@pytest.mark.parametrize(
    ("values", "code", "ticks"),
    [
        ([5.0, 5.5], "0.0", (5.0, 5.1, 5.2, 5.3, 5.4, 5.5)),
        ([1.0, 15.0], "0", (0.0, 5.0, 10.0, 15.0)),
        ([0.0], "0", (0.0, 1.0)),
        ([-3.0, 5.0], "0", (-4.0, -2.0, 0.0, 2.0, 4.0, 6.0)),
        ([], "0.0", (0.0, 1.0)),
        ([-5.0], "0", (-5.0, 0.0)),
    ],
)
def test_axes_end_on_round_numbers_and_hold_all_values(
    values: list[float], code: str, ticks: tuple[float, ...]
) -> None:
    found = range_of(values, code=code, parts=6)
    assert set(ticks) <= set(found.ticks)
    assert all(found.low <= value <= found.high for value in values)
    steps = np.diff(found.ticks)
    assert np.allclose(steps, steps[0])
    assert len({found.words(tick) for tick in found.ticks}) == len(found.ticks), "no two ticks read the same"


# -------------------------------------------------------------------------------------------------------------- files


def test_equal_pages_are_equal_bytes(case: BaseCase, tmp_path: Path) -> None:
    files = [
        write_html(report_pages(case, "markov run", 1.0, NOW), tmp_path / name, "Title").read_bytes()
        for name in ("one.html", "two.html")
    ]
    assert files[0] == files[1]
    assert files[0].startswith(b"<!DOCTYPE html>")


def test_a_page_that_is_open_elsewhere_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ReportError, match="is open in another program"):
        write_html([Page("P", "P", "", ())], tmp_path / "open.html", "x")
    assert not list(tmp_path.iterdir()), "nothing half written stays behind"


def test_a_failure_leaves_the_last_report_alone(tmp_path: Path) -> None:
    file = write_html([Page("P", "P", "", (Text("The last one"),))], tmp_path / "report.html", "x")
    broken = Page("P", "P", "", (Table("T", (Column("n", "qaly"),), ((float("nan"),),)),))
    with pytest.raises(ValueError, match="finite"):
        write_html([broken], file, "x")
    assert "The last one" in file.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [file]
