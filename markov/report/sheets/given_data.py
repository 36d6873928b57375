"""The report of a given-data method: what PAWN, delta or RBD-FAST says of the inputs, from random draws."""

from collections.abc import Iterator, Mapping

from markov.analysis.uncertainty.given_data import METHODS, Given, GivenData, Input
from markov.inputs.parameters import Inputs
from markov.report.page import LINE_COLOURS, Block, Cell, Chart, Column, Page, Series, Table, Text
from markov.report.sheets.sobol import output_words, source_words

SHOWN, LEADING = 10, 5

SAYS: Mapping[str, str] = {
    "pawn": (
        "The PAWN index compares two distributions of the result: all draws, and those with the input in one tenth of "
        "its values. It is the largest distance between the two cumulative curves (Kolmogorov–Smirnov), and of the ten "
        "tenths the median: 0 if the input does not matter, near 1 if it decides the result. It is no share of the "
        "variance, and indices do not sum to 1. It depends on the number of draws and of slices (Puy, Lo Piano, "
        "Saltelli 2020). Source: Pianosi, Wagener 2018, Environ Model Softw 108:197."
    ),
    "delta": (
        "The delta index is half the area between the density of the result over all draws and its density with the "
        "input known, on average over the input: 0 if the two are independent, 1 if the input decides the result. It "
        "is no share of the variance, and indices do not sum to 1. Kernel densities smooth, so that indices of results "
        "far from a normal distribution come out low: read the order of the inputs. Source: Borgonovo 2007, Reliab Eng "
        "Syst Saf 92:771; Plischke, Borgonovo, Smith 2013, Eur J Oper Res 226:536."
    ),
    "rbd_fast": (
        "RBD-FAST estimates the first-order index, the share of the variance that an input explains alone. It should "
        "agree with that of a Sobol analysis; what a total index has beyond it is interaction, which it does not see. "
        "Source: Tarantola, Gatelli, Mara 2006, Reliab Eng Syst Saf 91:717; Plischke 2010, Reliab Eng Syst Saf 95:354."
    ),
}

TOGETHER = (
    "Inputs that move as one are one input. Members of a correlated block, and shares of one whole, stand one by one, "
    "and each index counts all that the input tells about the result, with what it tells through its correlation: such "
    "indices overlap. A Sobol index is one for the block."
)


def given_data_page(inputs: Inputs, result: GivenData) -> Page:
    """What the method says, and every input by falling index for each output.

    >>> from markov.analysis.uncertainty.given_data import given_data
    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> sample = draw_sample(calgb, 100, seed=1, traced=False)
    >>> given_data_page(calgb, given_data(sample, [25000.0], "pawn", outputs=["delta_qaly.lenalidomide"])).name
    'PAWN'
    """
    title = METHODS[result.method].title
    blocks: list[Block] = [Text(" ".join(given_data_words(inputs, result)), "lead"), Text(SAYS[result.method])]
    noise = "Noise is the largest index of 19 inputs that were drawn along and that nothing uses: one more input "
    blocks.append(Text(noise + "without effect would exceed it with a chance of one in twenty."))
    if len({one.source for one in result.inputs}) < len(result.inputs):
        blocks.append(Text(TOGETHER))
    for number, given in enumerate(_told(inputs, result)):
        about = output_words(inputs, given.output, result.margins)
        if given.index is None:
            blocks.append(Text(f"{about}: {given.reason}."))
        else:
            blocks += [(_chart(inputs, result, given, number),), _table(inputs, result, given, number)]
    subtitle = f"{title} of {len(result.inputs)} uncertain inputs from {result.runs:,} random draws; no further run."
    return Page(title, "Which inputs move the result?", subtitle, tuple(blocks), widths=(80.0, 62.0, *(14.0,) * 4))


def given_data_words(inputs: Inputs, result: GivenData) -> list[str]:
    """The five leading inputs of each net benefit, and how many are beyond noise.

    >>> from markov.analysis.uncertainty.given_data import given_data
    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> sample, output = draw_sample(calgb, 100, seed=1, traced=False), "net_benefit.25000.lenalidomide"
    >>> given_data_words(calgb, given_data(sample, [25000.0], "pawn", outputs=[output]))[0].split(";")[0][60:-5]
    ' PAWN: Proportion of starters who stop for toxicity, Lenalidomide'
    """
    told = []
    for given in result.outputs:
        if given.index is not None and given.output.startswith("net_benefit"):
            leading = "; ".join(
                f"{_name(inputs, result.inputs[i])} {given.index[i]:.2f}" for i in given.ranking[:LEADING]
            )
            beyond = int((given.index > given.noise).sum())
            told.append(
                f"{output_words(inputs, given.output)}, {METHODS[result.method].title}: {leading}. "
                f"Beyond noise ({given.noise:.2f}): {beyond} of {len(given.index)} inputs."
            )
    return told


def _name(inputs: Inputs, one: Input) -> str:
    return source_words(inputs, one.parameters)


def _told(inputs: Inputs, result: GivenData) -> Iterator[Given]:
    """Outputs to show: a margin over the reference is an incremental net benefit, which stands there already."""
    return (given for given in result.outputs if inputs.reference not in result.margins.get(given.output, ()))


def _chart(inputs: Inputs, result: GivenData, given: Given, number: int) -> Chart:
    title = METHODS[result.method].title
    about = output_words(inputs, given.output, result.margins)
    leading = _name(inputs, result.inputs[given.ranking[0]])
    last = min(SHOWN, len(result.inputs)) - 1
    error = None if given.half_width is None else (3, 3)
    series = Series(f"{title} index", title, f"given_{number}", 0, 2, LINE_COLOURS[0], last=last, error=error)
    return Chart("horizontal", f"{about}: {leading} leads", "", f"{title} index", (series,), legend=False)


def _table(inputs: Inputs, result: GivenData, given: Given, number: int) -> Table:
    method = METHODS[result.method]
    sides = ("Lowest tenth", "Highest tenth") if result.method == "pawn" else ("± (95 %)",)
    columns = (
        Column("Input", "strong"),
        Column("Id"),
        Column(f"{method.title} index", "number"),
        *(Column(side, "number") for side in sides),
        Column("Beyond noise"),
    )
    rows = tuple(_row(inputs, result, given, i) for i in given.ranking)
    resampled = f" Intervals are from {result.resamples} resamples." if given.half_width is not None else ""
    note = f"Noise: {given.noise:.3f}.{resampled}"
    about = output_words(inputs, given.output, result.margins)
    return Table(about, columns, rows, f"given_{number}", (note,))


def _row(inputs: Inputs, result: GivenData, given: Given, i: int) -> tuple[Cell, ...]:
    assert given.index is not None
    one, index = result.inputs[i], float(given.index[i])
    if given.half_width is None:
        sides = [float(str(given.table[key][i])) for key in ("minimum", "maximum")]
    else:
        sides = [float(given.half_width[i])]
    return _name(inputs, one), one.name, index, *sides, "yes" if index > given.noise else "no"
