"""The incremental analysis: dominance, the frontier, ICERs and the words for them, against their definitions."""

import itertools
from collections.abc import Sequence

import numpy as np

from markov.analysis.bank.bench import Bench
from markov.analysis.bank.registry import Finding, Theme, holds, not_applicable, within
from markov.analysis.checks import relative_gap as gap
from markov.analysis.incremental import IncrementalRow, icer_in_words, incremental, net_benefit, pairwise
from markov.terms import Position

theme = Theme("Incremental analysis")
FRONTIER = (Position.REFERENCE, Position.FRONTIER)
SETS, STRATEGIES = 40, 6
MADE_UP = "the workbook's strategies, and 40 made-up sets of six"


def _sets(bench: Bench) -> list[tuple[list[float], list[float]]]:
    """Costs and QALYs by strategy: the workbook's, and made-up ones with dominated and extendedly dominated members."""
    random = np.random.default_rng(20190)
    made = [
        ((2e4 * np.sort(random.uniform(size=STRATEGIES)) ** 1.5).tolist(), random.uniform(size=STRATEGIES).tolist())
        for _ in range(SETS // 2)
    ]
    for _ in range(SETS // 2):  # effects rise with cost: extended dominance rather than dominance
        costs = np.cumsum(random.uniform(500.0, 5000.0, STRATEGIES))
        made.append((costs.tolist(), np.cumsum(random.uniform(0.01, 0.3, STRATEGIES)).tolist()))
    return [(bench.base.cost[0].tolist(), bench.base.qaly[0].tolist()), *made]


def _names(costs: Sequence[float]) -> list[str]:
    return [f"s{i}" for i in range(len(costs))]


def _worth_choosing(costs: Sequence[float], qalys: Sequence[float]) -> set[int]:
    """The frontier by its definition: who has the highest net benefit at some threshold."""
    cost, qaly = np.array(costs), np.array(qalys)
    slopes = [
        (cost[i] - cost[j]) / (qaly[i] - qaly[j])
        for i, j in itertools.combinations(range(len(cost)), 2)
        if qaly[i] != qaly[j]
    ]
    edges = np.array([0.0, *sorted(s for s in slopes if s > 0.0)])
    tried = [*(0.5 * (edges[1:] + edges[:-1])), 2.0 * edges[-1] + 1.0]
    return {int(np.argmax(t * qaly - cost)) for t in tried}


@theme("TV-42", "Dominated is who is dominated", f"Positions against their definitions, by net benefit: {MADE_UP}")
def _dominance(bench: Bench) -> Finding:
    wrong = asked = 0
    for costs, qalys in _sets(bench):
        chosen = _worth_choosing(costs, qalys)
        for row in incremental(_names(costs), costs, qalys):
            i = int(row.strategy[1:])
            beaten = any(
                c <= row.cost and q >= row.qaly and (c, q) != (row.cost, row.qaly)
                for c, q in zip(costs, qalys, strict=True)
            )
            right = Position.DOMINATED if beaten else Position.EXTENDEDLY_DOMINATED
            good = row.position in FRONTIER if i in chosen else row.position in (right, Position.EQUAL)
            words = icer_in_words(row, bench.inputs.currency)
            wrong += not good or ("dominated" in words) != (i not in chosen and row.position != Position.EQUAL)
            asked += 1
    wrong += _wrong_words(bench)
    return holds(not wrong, "every position and word as defined", f"{wrong} of {asked} wrong")


def _wrong_words(bench: Bench) -> int:
    """Comparisons with the reference in which dominant, dominated or a ratio is not what the signs say."""
    found = 0
    for row in pairwise(bench.names, bench.base.cost[0], bench.base.qaly[0], bench.names[0]):
        i = bench.index(row.strategy)
        more, better = bench.base.cost[0, i] - bench.base.cost[0, 0], bench.base.qaly[0, i] - bench.base.qaly[0, 0]
        words = icer_in_words(row, bench.inputs.currency)
        expected = "per QALY" if more * better > 0.0 else "dominat" if more > 0.0 else "dominant"
        found += expected not in words and (more, better) != (0.0, 0.0)
    return found


@theme("TV-43", "ICERs rise along the frontier", f"Each against the frontier strategy before it: {MADE_UP}")
def _rising(bench: Bench) -> Finding:
    worst, falls = 0.0, 0
    for costs, qalys in _sets(bench):
        rows = [row for row in incremental(_names(costs), costs, qalys) if row.position in FRONTIER]
        ratios = [(b.cost - a.cost) / (b.qaly - a.qaly) for a, b in itertools.pairwise(rows)]
        told = [row.icer if row.icer is not None else np.nan for row in rows[1:]]
        worst = max(worst, gap(np.array(told), np.array(ratios)) if ratios else 0.0)
        falls += sum(second < first * (1.0 - 1e-9) for first, second in itertools.pairwise(told))
    return holds(worst < 1e-9 and not falls, "never falling, ΔC/ΔE to the last", f"{falls} fall; off by {worst:.2g}")


@theme("TV-44", "Parts sum to totals", "Costs by category, life-years and QALYs by state and by component", cheap=True)
def _parts(bench: Bench) -> Finding:
    base, alive, edges = bench.base, bench.trace.curves["os"][0], bench.trace.boundaries
    qalys = base.qalys.sum(axis=-1), base.qaly_components.sum(axis=-1)
    gaps = (
        gap(*qalys),
        gap(base.cost, base.costs[:, :, 1].sum(axis=-1)),
        gap(base.life_year, base.life_years[:, :, 1].sum(axis=-1)),
        gap(base.life_years[0, :, 0].sum(axis=-1), 0.5 * (alive[:, 1:] + alive[:, :-1]) @ np.diff(edges)),
    )
    exact = bench.inputs.text("settings.correction") == "half_cycle"
    return within(max(gaps), 1e-9 if exact else 1e-2, "equal; life-years the area under survival")


@theme("FT-23", "Net benefit is threshold × QALYs less cost", "At every threshold, and who is best there", cheap=True)
def _benefits(bench: Bench) -> Finding:
    cost, qaly = bench.base.cost[0], bench.base.qaly[0]
    thresholds = np.array(bench.inputs.thresholds)
    told = net_benefit(cost, qaly, thresholds)
    worst = max(
        gap(told.monetary, np.outer(thresholds, qaly) - cost), gap(told.health, qaly - cost / thresholds[:, None])
    )
    rows: list[IncrementalRow] = list(incremental(bench.names, cost, qaly))
    best = [bench.names[int(np.argmax(row))] for row in told.monetary]
    outside = [s for s in best if next(r for r in rows if r.strategy == s).position not in FRONTIER]
    if len(bench.names) < 2:
        return not_applicable("one strategy")
    return holds(worst < 1e-12 and not outside, "equal; the best is on the frontier", f"off by {worst:.2g}")
