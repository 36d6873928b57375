"""Lines and words on paper, as SVG: what the charts are drawn with."""

from dataclasses import dataclass
from html import escape

from markov.report.writers.axes import Range

Point = tuple[float, float]

INK, GRID, LINE, TITLE, PAPER = "#1F2A37", "#E3E8EF", "#9AA5B1", "#1F3A5F", "#FFFFFF"
FONT = "Calibri, Carlito, 'Segoe UI', Arial, sans-serif"
SMALL, LARGE = 12.0, 15.0
NARROW, WIDE = "ijltfrI.,:;|!'()[] ·-", "mwMWG%@—"
CENTRED, RIGHT = 'text-anchor="middle"', 'text-anchor="end"'


@dataclass(frozen=True)
class Frame:
    """The rectangle of the data on the paper, with the ranges of its axes."""

    left: float
    top: float
    width: float
    height: float
    x: Range
    y: Range

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge; the paper counts downwards."""
        return self.top + self.height

    def across(self, value: float) -> float:
        """Place of a value along the paper."""
        return self.left + self.width * self.x.share(value)

    def down(self, value: float) -> float:
        """Place of a value down the paper."""
        return self.top + self.height * (1.0 - self.y.share(value))

    def place(self, point: Point) -> str:
        """Place of a point as a pair."""
        return f"{at(self.across(point[0]))} {at(self.down(point[1]))}"

    def told(self, point: Point) -> str:
        """A point in words, finer than the axes are marked; a hidden axis has no words."""
        x = "" if self.x.hidden else self.x.words(point[0], 0.01)
        y = "" if self.y.hidden else self.y.words(point[1], 0.01)
        return f"{y} at {x}" if x and y else x or y


def at(value: float) -> str:
    """A length with one decimal where it needs one.

    >>> at(12.04), at(0.25)
    ('12', '0.2')
    """
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, more: str = "") -> str:
    """Words with their base line at a place."""
    return f'<text x="{at(x)}" y="{at(y)}"{" " + more if more else ""}>{escape(words)}</text>'


def line(start: Point, end: Point, colour: str, width: float = 1.0, more: str = "") -> str:
    """A straight line."""
    ends = f'x1="{at(start[0])}" y1="{at(start[1])}" x2="{at(end[0])}" y2="{at(end[1])}"'
    return f'<line {ends} stroke="{escape(colour)}" stroke-width="{at(width)}"{more}/>'


def box(corner: Point, width: float, height: float, more: str = "", words: str = "") -> str:
    """A rectangle from its upper left corner, with words for who points at it or listens."""
    sides = f'x="{at(corner[0])}" y="{at(corner[1])}" width="{at(width)}" height="{at(height)}"'
    told = f"><title>{escape(words)}</title></rect>" if words else "/>"
    return f"<rect {sides}{' ' + more if more else ''}{told}"


def circle(centre: Point, radius: float, colour: str, words: str = "") -> str:
    """A filled circle with a thin white rim."""
    told = f"><title>{escape(words)}</title></circle>" if words else "/>"
    place = f'cx="{at(centre[0])}" cy="{at(centre[1])}" r="{at(radius)}"'
    return f'<circle {place} fill="{escape(colour)}" stroke="{PAPER}"{told}'


def path(outline: str, look: str, words: str) -> str:
    """A line through many places, or the area inside it."""
    return f'<path d="{outline}" {look}><title>{escape(words)}</title></path>'


def text_width(words: str, size: float = SMALL) -> float:
    """About how wide a text is; a browser measures, a file cannot.

    >>> text_width("illi") < text_width("mmmm")
    True
    """
    ems = sum(0.3 if c in NARROW else 0.86 if c in WIDE else 0.66 if c.isupper() else 0.54 for c in words)
    return ems * size


def wrapped(words: str, width: float, size: float = SMALL) -> list[str]:
    """A text in lines of at most that width; a longer word has a line of its own.

    >>> wrapped("Overall survival, median in months", 110.0)
    ['Overall survival,', 'median in months']
    """
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
