"""A second opinion on what moves the result, from random draws that were run already: SALib's given-data methods.

A Sobol index is a share of the variance, and costs a design of its own. These methods ask the draws of the
probabilistic analysis, and two of them look at the whole distribution of the result and not at its variance. What an
input is to them is the percentile at which it was drawn, which is uniform whatever its distribution:

| method   | index of an input                                                                                      |
|----------|--------------------------------------------------------------------------------------------------------|
| PAWN     | the distribution of the result with the input in one tenth of its values against that of all draws: the |
|          | largest distance of the two curves (Kolmogorov–Smirnov); the median of the ten tenths                  |
| delta    | the same with densities: half the area between the two, on average; 0 for no effect, 1 for all of it   |
| RBD-FAST | the share of the variance that the input explains alone, from its waves in the ordered draws           |

A distance of few draws is never 0. `IDLE` inputs that nothing uses are therefore drawn along, and their largest index
is the noise: one input more without effect would exceed it with a chance of one in twenty.

A group is one input. The members of a correlated block, and shares of one whole, stand one by one, and each index
counts all that the input tells about the result, with what it tells through its correlation: such indices overlap,
where Sobol's is one for the block.

Source: Pianosi, Wagener 2018, Environ Model Softw 108:197 (PAWN); Puy, Lo Piano, Saltelli 2020, Environ Model Softw
127:104679 (what it depends on); Khorashadi Zadeh and others 2017, Environ Model Softw 91:210 (an input that nothing
uses); Borgonovo 2007, Reliab Eng Syst Saf 92:771, and Plischke, Borgonovo, Smith 2013, Eur J Oper Res 226:536
(delta); Tarantola, Gatelli, Mara 2006, Reliab Eng Syst Saf 91:717, Plischke 2010, Reliab Eng Syst Saf 95:354, and
Tissot, Prieur 2012, Reliab Eng Syst Saf 107:205 (RBD-FAST).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from markov.analysis.calibration import Recalibrated
from markov.analysis.draws import Draws, uniforms
from markov.analysis.uncertainty.explained import explained
from markov.analysis.uncertainty.regression import average_ranks
from markov.analysis.uncertainty.sample import Done, Sample, Span
from markov.analysis.uncertainty.sobol_indices import NO_VARIANCE, Output
from markov.terms import Array

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 100
"""Draws below which no method says anything: delta compares densities of a tenth of them."""

IDLE = 19


@dataclass(frozen=True)
class Method:
    """A method by its name, the keys of SALib's results for its index and half-width, and how often it resamples."""

    title: str
    index: str
    half_width: str = ""
    resamples: int = 0


METHODS: Mapping[str, Method] = {
    "pawn": Method("PAWN", "median"),
    "delta": Method("Delta", "delta_raw", "delta_raw_conf", 10),
    "rbd_fast": Method("RBD-FAST", "S1", "S1_conf", 50),
}
"""Delta is SALib's "raw" one: percentiles need no balancing."""


@dataclass(frozen=True)
class Input:
    """What one uniform was drawn for: a parameter, or several that move as one, and its source of uncertainty."""

    name: str
    parameters: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Given:
    """Indices of one output, (inputs,), None where it does not vary, and `reason` says so.

    `noise` is the largest index of the inputs that nothing uses; half-widths are of 95 % intervals, None without
    resamples. `table` is all that SALib tells, by its keys.
    """

    output: str
    index: Array | None = None
    half_width: Array | None = None
    noise: float = 0.0
    table: Mapping[str, Sequence[object]] = field(default_factory=dict, repr=False)
    reason: str = ""

    @property
    def ranking(self) -> tuple[int, ...]:
        """Inputs by falling index; none where the output does not vary."""
        return () if self.index is None else tuple(np.argsort(-self.index, kind="stable").tolist())


@dataclass(frozen=True)
class GivenData:
    """What one method says of the inputs, from the first `runs` draws under a seed."""

    method: str
    runs: int
    seed: int
    resamples: int
    inputs: tuple[Input, ...]
    outputs: tuple[Given, ...]
    margins: Mapping[str, tuple[str, str]]

    def of(self, output: str) -> Given:
        """Indices of one output."""
        return next(given for given in self.outputs if given.output == output)

    def to_df(self, output: str | None = None) -> "pd.DataFrame":
        """SALib's own table of one output, the first unless named: a row an input, a column a result.

        Raises ValueError where the output does not vary.
        """
        import pandas as pd

        given = self.of(output or self.outputs[0].output)
        if given.index is None:
            raise ValueError(given.reason)
        return pd.DataFrame(given.table, index=[one.name for one in self.inputs])

    def to_frame(self) -> "pd.DataFrame":
        """Indices of all outputs as one pandas frame: a row for an output and an input."""
        import pandas as pd

        names = {"input": [one.name for one in self.inputs], "source": [one.source for one in self.inputs]}
        frames = [
            pd.DataFrame({"output": g.output, **names, "index": g.index, "half_width": g.half_width, "noise": g.noise})
            for g in self.outputs
        ]
        return pd.concat(frames, ignore_index=True)


def given_data(
    sample: Sample,
    thresholds: Sequence[float],
    method: str,
    *,
    outputs: Sequence[str] | None = None,
    most: int | None = None,
    resamples: int | None = None,
    done: Done | None = None,
) -> GivenData:
    """What a method of `METHODS` says of every input, from a sample: the model is not run.

    Outputs are those of `explained`, or those that are named; `most` is how many draws are used at most.
    Raises ValueError for fewer than 100 draws, less than two strategies, or a sample without its inputs.

    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> sample, output = draw_sample(calgb, 100, seed=1, traced=False), "net_benefit.25000.lenalidomide"
    >>> found = given_data(sample, [25000.0], "pawn", outputs=[output])
    >>> found.to_df()["median"].idxmax()
    'toxicity.proportion.lenalidomide'
    """
    if len(sample.strategies) < 2:
        raise ValueError("what moves a difference between strategies needs two; only one is compared")
    runs = min(sample.runs, most or sample.runs)
    if runs < FEWEST:
        raise ValueError(f"{METHODS[method].title} needs {FEWEST} draws or more, not {runs}")
    draws, values = _drawn(sample, runs)
    inputs = {
        Input(key, tuple(p.id for p in members), source.name): values[members[0].id]
        for source in draws.sources
        for key, members in source.members.items()
    }
    idle = [uniforms(draws.seed, f"nothing uses this input, {i}", 0, runs) for i in range(IDLE)]
    x = np.stack([(average_ranks(column) - 0.5) / runs for column in (*inputs.values(), *idle)], axis=1)
    asked = explained(sample, thresholds)
    names = list(asked.outputs) if outputs is None else list(outputs)
    again = METHODS[method].resamples if resamples is None or not METHODS[method].half_width else resamples
    found = []
    for place, name in enumerate(names, start=1):
        output = Output(asked.outputs[name].values[:runs], asked.outputs[name].scale)
        found.append(_of_one(name, output, x, method, again, draws.seed))
        if done is not None:
            done(place, len(names))
    return GivenData(method, runs, draws.seed, again, tuple(inputs), tuple(found), asked.margins)


def _drawn(sample: Sample, runs: int) -> tuple[Draws, Mapping[str, Array]]:
    """The draws behind a sample, and their values before rates follow targets: those are results, and not inputs."""
    first, rows = 0, sample.rows
    if isinstance(rows, Span):
        first, rows = rows.first, rows.rows
    if isinstance(rows, Recalibrated):
        rows = rows.rows
    if not isinstance(rows, Draws):
        raise ValueError("the sample does not hold its inputs: run one model, not a mixture")
    return rows, rows.block(first, first + runs)


def _of_one(name: str, output: Output, x: Array, method: str, resamples: int, seed: int) -> Given:
    """Indices of one output from percentiles (runs, inputs), the last of which nothing uses."""
    y = output.values
    if float(y.std()) <= NO_VARIANCE * max(float(np.abs(y).max()), output.scale):
        return Given(name, reason=f"{name} does not vary: it has no indices")
    told, kept = METHODS[method], x.shape[1] - IDLE
    table = {key: column for key, column in _by_salib(x, y, method, resamples, seed).items() if key != "names"}
    index = np.asarray(table[told.index], dtype=float)
    if not np.isfinite(index).all():
        raise ValueError(f"{told.title} gives no number for {int((~np.isfinite(index)).sum())} inputs of {name}")
    width = np.asarray(table[told.half_width], dtype=float)[:kept] if told.half_width else None
    noise = float(index[kept:].max())
    return Given(name, index[:kept], width, noise, {key: list(column)[:kept] for key, column in table.items()})


def _by_salib(x: Array, y: Array, method: str, resamples: int, seed: int) -> Mapping[str, Sequence[Any]]:
    """SALib's results for percentiles (runs, inputs). Its own names, as it forbids some endings of names."""
    from SALib.analyze import delta, pawn, rbd_fast  # takes a second to import

    size = x.shape[1]
    problem = {"num_vars": size, "names": [f"x{i}" for i in range(size)], "bounds": [[0.0, 1.0]] * size}
    with _undisturbed(seed):
        if method == "pawn":
            return dict(pawn.analyze(problem, x, y))
        if method == "delta":
            return dict(delta.analyze(problem, x, y, num_resamples=resamples, method="delta"))
        return dict(rbd_fast.analyze(problem, x, y, num_resamples=resamples, seed=seed))


@contextmanager
def _undisturbed(seed: int) -> Iterator[None]:
    """What SALib's delta changes for everyone is put back: NumPy's global generator, and how warnings look.

    The generator is seeded here: a seed of 0 is none to SALib. Warnings are about the two kinds of delta not told.
    """
    state, looks = np.random.get_state(), warnings.formatwarning  # noqa: NPY002  # SALib draws from it
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        with warnings.catch_warnings(record=True):
            yield
    finally:
        warnings.formatwarning = looks
        np.random.set_state(state)  # noqa: NPY002
