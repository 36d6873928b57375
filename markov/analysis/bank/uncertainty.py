"""Probabilistic analysis: distributions, the sampler, draws through the model, acceptability, value of information."""

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import kolmogorov, ndtri

from markov.analysis.bank.bench import MANY, Bench
from markov.analysis.bank.registry import Finding, Theme, amounts, holds, listed, not_applicable, plausible
from markov.analysis.bank.sensitivity import NOTHING_UNCERTAIN
from markov.analysis.checks import relative_gap as gap
from markov.analysis.draws import random_draws, uniforms
from markov.analysis.sensitivity.scenarios import applied
from markov.analysis.sources_of_uncertainty import sampled
from markov.analysis.uncertainty.acceptability import decision
from markov.analysis.uncertainty.invariants import excesses
from markov.analysis.uncertainty.sample import draw_sample
from markov.analysis.uncertainty.value_of_information import evpi, evppi
from markov.inputs.correlations import blocks, stream
from markov.inputs.dirichlet import share_groups
from markov.inputs.parameters import Parameter
from markov.inputs.rules.between_values import scenario_names
from markov.model.evaluate import evaluate
from markov.terms import Array, Distribution

theme = Theme("Probabilistic analysis")
Z = 4.5
"""Standard errors beyond which a statistic of draws counts as off: once in 150,000 by chance."""
BOUNDED = (Distribution.UNIFORM, Distribution.TRIANGULAR, Distribution.TRUNCATED_NORMAL)


def _is_ratio(p: Parameter) -> bool:
    return p.id.split(".")[1].endswith("_ratio")


# --------------------------------------------------------------------------------------------- distributions


def _expected_moments(p: Parameter) -> tuple[float, float] | None:
    """Mean and standard deviation that value, standard error and limits of a row ask for; None where it is cut off."""
    value, low, high = float(str(p.value)), p.low, p.high
    if p.distribution == Distribution.UNIFORM and low is not None and high is not None:
        return (low + high) / 2.0, (high - low) / math.sqrt(12.0)
    if p.distribution == Distribution.TRIANGULAR and low is not None and high is not None:
        squares = low**2 + value**2 + high**2 - low * value - low * high - value * high
        return (low + value + high) / 3.0, math.sqrt(squares / 18.0)
    if p.distribution == Distribution.LOG_NORMAL and low is not None and high is not None:
        sd = abs(math.log(high / low)) / 3.919928
        mean = value * math.exp(sd * sd / 2.0)
        return mean, abs(mean) * math.sqrt(math.expm1(sd * sd))
    se = p.se if p.se is not None else ((high or 0.0) - (low or 0.0)) / 3.919928
    quantity = p.definition.quantity
    room = min(value - quantity.low, quantity.high - value) if quantity else math.inf
    normal = p.distribution in (Distribution.NORMAL, Distribution.TRUNCATED_NORMAL)
    return None if normal and room < 3.3 * se else (value, se)


@theme(
    "TV-73",
    "Draws have the mean and spread of their inputs",
    f"Mean, standard deviation and shape of {MANY:,} draws of each input against value, standard error and limits",
)
def _moments(bench: Bench) -> Finding:
    if not bench.drawn:
        return not_applicable(NOTHING_UNCERTAIN)
    off, cut = [], []
    for p in sampled(bench.inputs):
        expected, values = _expected_moments(p), bench.drawn[p.id]
        if expected is None:
            cut.append(p.id)
            continue
        mean, sd = expected
        distance = abs(float(values.mean()) - mean) / (sd / math.sqrt(len(values)))
        ratio = float(values.std(ddof=1)) / sd
        kurtosis = float(((values - values.mean()) ** 4).mean() / values.var() ** 2)
        allowed = Z * math.sqrt(max(kurtosis - 1.0, 0.5) / (4.0 * len(values))) + 0.01
        off += [p.id] if distance > Z or abs(ratio - 1.0) > allowed else []
    told = f"{len(bench.drawn)} inputs, off: {listed(off)}"
    note = f"cut off at what they can be, not tested: {listed(cut)}" if cut else ""
    return holds(not off, f"within {Z} standard errors", told, note)


@theme("TV-07", "Drawn ratios are plausible", f"{MANY:,} draws of hazard, time and other ratios")
def _ratios(bench: Bench) -> Finding:
    found = [p for p in sampled(bench.inputs) if _is_ratio(p)]
    if not found:
        return not_applicable("no ratio is uncertain")
    off = []
    for p in found:
        values, value = bench.drawn[p.id], bench.number(p.id)
        median = p.distribution == Distribution.LOG_NORMAL and p.low is not None and p.high is not None
        middle = float(np.median(values)) if median else float(values.mean())
        error = float(values.std()) / math.sqrt(len(values)) * (1.2533 if median else 1.0)
        far = abs(middle - value) > Z * error and p.distribution not in BOUNDED
        off += [p.id] if far or values.min() <= 0.0 or values.max() > 20.0 else []
    told = f"{len(found)} ratios, off: {listed(off)}"
    return holds(
        not off, "above 0, below 20, around the value", told, "log-normal with limits: the value is the median"
    )


@theme("TV-60", "Costs, rates and ratios are drawn from distributions above 0", "Distribution of each, and its draws")
def _positive(bench: Bench) -> Finding:
    kinds = ("price.", "cost.", "subsequent.", "adverse_event.cost.", "spm.rate", "spm.excess", "toxicity.rate")
    found = [p for p in sampled(bench.inputs) if p.id.startswith(kinds) or _is_ratio(p)]
    return _distributions(bench, found, (Distribution.LOG_NORMAL, Distribution.GAMMA), 0.0, math.inf)


@theme("TV-61", "Proportions and utilities are drawn from beta distributions", "Distribution of each, and its draws")
def _proportions(bench: Bench) -> Finding:
    found = [p for p in sampled(bench.inputs) if p.unit == "proportion" or p.id.startswith("utility.")]
    found = [p for p in found if bench.number(p.id) >= 0.0]
    return _distributions(bench, found, (Distribution.BETA, Distribution.DIRICHLET), 0.0, 1.0)


def _distributions(
    bench: Bench, found: list[Parameter], usual: tuple[Distribution, ...], lowest: float, highest: float
) -> Finding:
    if not found:
        return not_applicable("none is uncertain")
    beyond = [p.id for p in found if bench.drawn[p.id].min() < lowest or bench.drawn[p.id].max() > highest]
    others = [p.id for p in found if p.distribution not in usual]
    told = f"{len(found)} inputs; beyond: {listed(beyond)}; other distributions: {listed(others)}"
    if beyond:
        return holds(False, "no draw beyond what it can be", told)
    note = "another distribution may be right: say why (a uniform one says that only a range is known)"
    return plausible(not others, f"{' or '.join(usual).replace('_', '-')}", told, note)


@theme("TV-62", "Shares that add up are drawn from a Dirichlet distribution", "Sums and means of their draws")
def _shares(bench: Bench) -> Finding:
    groups = share_groups(sampled(bench.inputs))
    if not groups:
        return not_applicable("no shares of one whole are uncertain")
    off = []
    for group in groups:
        total = sum(bench.drawn[key] for key in group.ids)
        whole = sum(bench.number(key) for key in group.ids)
        ends = bool(np.max(total) <= 1.0 + 1e-9) and abs(float(np.mean(total)) - whole) < 0.02
        off += [] if ends else [group.group]
    return holds(not off, "at most 1, around the shares' sum", f"{len(groups)} groups, off: {listed(off)}")


@theme(
    "TV-63",
    "What is correlated is drawn together",
    f"Correlation of the normal scores of {MANY:,} draws against the sheet Correlations; groups move as one",
)
def _correlated(bench: Bench) -> Finding:
    scores = {stream(p): _scores(bench.drawn[p.id]) for p in sampled(bench.inputs)}
    off, pairs = [], 0
    for ids, matrix in blocks(bench.inputs):
        for i, j in zip(*np.triu_indices(len(ids), 1), strict=True):
            if ids[i] in scores and ids[j] in scores:
                found, told, pairs = float(np.corrcoef(scores[ids[i]], scores[ids[j]])[0, 1]), matrix[i, j], pairs + 1
                off += [f"{ids[i]} with {ids[j]}"] if abs(math.atanh(found) - math.atanh(told)) > Z / MANY**0.5 else []
    groups: dict[str, list[str]] = {}
    for p in sampled(bench.inputs):
        if p.group and p.distribution != Distribution.DIRICHLET:
            groups.setdefault(p.group, []).append(p.id)
    for name, keys in groups.items():
        first = _scores(bench.drawn[keys[0]])
        off += [name for key in keys[1:] if gap(_scores(bench.drawn[key]), first) > 1e-9]
    if not pairs and not groups:
        return not_applicable("the workbook correlates nothing")
    told = f"{pairs} pairs and {len(groups)} groups, off: {listed(off)}"
    return holds(not off, f"within {Z} standard errors; equal ranks in a group", told)


def _scores(values: Array) -> Array:
    """Normal scores by rank, (draws,)."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    return np.asarray(ndtri((ranks - 0.5) / len(values)))


@theme("TV-64", "A normal distribution only where no draw can be impossible", "Draws of normals against hard limits")
def _normals(bench: Bench) -> Finding:
    kinds = (Distribution.NORMAL, Distribution.TRUNCATED_NORMAL)
    found = [p for p in sampled(bench.inputs) if p.distribution in kinds]
    impossible, close = [], []
    for p in sampled(bench.inputs):
        quantity, values = p.definition.quantity, bench.drawn[p.id]
        if quantity is not None:
            impossible += [p.id] if values.min() < quantity.low or values.max() > quantity.high else []
            near = min(bench.number(p.id) - quantity.low, quantity.high - bench.number(p.id)) < 3.1 * (p.se or 0.0)
            close += [p.id] if near and p.distribution == Distribution.NORMAL else []
    told = f"{len(found)} normals; impossible draws: {listed(impossible)}; near a limit: {listed(close)}"
    if impossible:
        return holds(False, "no impossible draw", told)
    return plausible(not close, "3 standard errors inside the limits", told, "choose truncated_normal, gamma or beta")


# --------------------------------------------------------------------------------------- through the model


@theme("TV-65", "Means over draws are near the deterministic result", "Cost and QALYs by strategy, and net benefit")
def _near_deterministic(bench: Bench) -> Finding:
    if not bench.drawn:
        return not_applicable(NOTHING_UNCERTAIN)
    means = [getattr(bench.sample, name).mean(axis=0) for name in ("cost", "qaly")]
    bases = [getattr(bench.base, name)[0] for name in ("cost", "qaly")]
    gaps = np.concatenate([mean / base - 1.0 for mean, base in zip(means, bases, strict=True)])
    told = f"cost {amounts(gaps[: len(bench.names)] * 100, 2)} %, QALYs {amounts(gaps[len(bench.names) :] * 100, 2)} %"
    note = "the model is not linear in its inputs, or a distribution is not around its value: explain"
    return plausible(bool((np.abs(gaps) < 0.05).all()), "within 5 %", told, note)


@theme("TV-66", "Another run of draws says the same, and the same seed the same draws", "Seeds s, s again, and s + 1")
def _fresh(bench: Bench) -> Finding:
    if not bench.drawn:
        return not_applicable(NOTHING_UNCERTAIN)
    other = draw_sample(bench.inputs, bench.draws, bench.seed + 1, traced=False)
    again = random_draws(bench.inputs, 50, bench.seed).columns()
    repeats = all(bool(np.array_equal(again[key], values[:50])) for key, values in bench.drawn.items())
    differs = bool((other.cost != bench.sample.cost).any() or (other.qaly != bench.sample.qaly).any())
    worst = 0.0
    for name in ("cost", "qaly"):
        a, b = getattr(bench.sample, name), getattr(other, name)
        error = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / bench.draws)
        worst = max(worst, float((np.abs(a.mean(axis=0) - b.mean(axis=0)) / np.maximum(error, 1e-12)).max()))
    told = f"apart by {worst:.2f} standard errors; repeats: {_yes(repeats)}; another seed differs: {_yes(differs)}"
    return holds(worst < Z and repeats and differs, f"within {Z} standard errors; repeated; other draws", told)


def _yes(true: bool) -> str:
    return "yes" if true else "no"


@theme(
    "TV-67",
    "The acceptability curve and frontier are those of the scatter",
    "Counted again from the draws, at every threshold, and from made-up ones whose frontier is not the highest curve",
)
def _acceptability(bench: Bench) -> Finding:
    made = np.array([[10.0, 12.0], [10.0, 12.0], [10.0, 0.0]])
    asked = [made]
    if bench.drawn:
        thresholds = (0.0, *bench.inputs.thresholds, 1e5, 3e5)
        asked += [bench.sample.net_benefit(threshold) for threshold in thresholds]
    worst = max(_recounted(benefit) for benefit in asked)
    return holds(worst <= 1e-9, "equal in probability, frontier and EVPI", f"largest gap {worst:.2g}")


def _recounted(benefit: Array) -> float:
    """How far a decision is from one counted draw by draw."""
    wins, means = np.zeros(benefit.shape[1]), benefit.mean(axis=0)
    for draw in benefit.tolist():
        wins[draw.index(max(draw))] += 1.0 / len(benefit)
    best = int(np.argmax(means))
    information = sum(max(draw) for draw in benefit.tolist()) / len(benefit) - float(means[best])
    found = decision(benefit)
    scale = max(abs(information), 1.0)
    gaps = (gap(found.probability, wins), abs(found.frontier - wins[best]), abs(found.evpi - information) / scale)
    return max(float(g) for g in gaps)


@theme("TV-68", "The cloud of draws has no odd shape", "Outliers and two humps of cost and QALY differences")
def _cloud(bench: Bench) -> Finding:
    if not bench.drawn or not bench.others:
        return not_applicable(NOTHING_UNCERTAIN)
    odd, told = False, []
    for name in ("cost", "qaly"):
        values = getattr(bench.sample, name)
        for column in (values[:, 1:] - values[:, :1]).T:
            centre = column - np.median(column)
            far = float((np.abs(centre) > 8.0 * max(float(np.median(np.abs(centre))), 1e-12)).mean())
            m2, m3, m4 = (float(((column - column.mean()) ** k).mean()) for k in (2, 3, 4))
            humps = (m3**2 / m2**3 + 1.0) / (m4 / m2**2) if m2 > 0.0 else 0.0
            odd |= far > 0.02 or humps > 0.65
            told.append(f"Δ{name}: {far:.1%} far out, bimodality {humps:.2f}")
    note = "look at the plane: a discrete input, a cap, or a distribution that is too wide"
    return plausible(not odd, "below 2 % far out, bimodality below 0.65", "; ".join(told), note)


@theme("TV-69", "Probabilities of being best sum to 1", "At every threshold, ties shared")
def _certain(bench: Bench) -> Finding:
    if not bench.drawn:
        return not_applicable(NOTHING_UNCERTAIN)
    totals = [
        float(decision(bench.sample.net_benefit(t), share_ties=shared).probability.sum())
        for t in (0.0, *bench.inputs.thresholds, 1e6)
        for shared in (True, False)
    ]
    off = max(abs(total - 1.0) for total in totals)
    return holds(off <= 1e-12, "1 within 1e-12", f"off by {off:.2g}")


@theme("TV-71", "Strategies share their random draws", "Correlation of QALYs between strategies over draws")
def _shared(bench: Bench) -> Finding:
    if not bench.drawn or not bench.others:
        return not_applicable(NOTHING_UNCERTAIN)
    qaly = bench.sample.qaly
    found = np.atleast_2d(np.corrcoef(qaly.T))[0, 1:]
    told = amounts(found, 3)
    note = "low although draws are shared: little that is uncertain concerns both"
    if bool((found < -0.5).any()):
        return holds(False, "positive", told)
    return plausible(bool((found > 0.1).all()), "above 0.1", told, note)


@theme(
    "TV-72",
    "Random numbers are uniform and independent",
    f"{MANY:,} uniforms of each stream: Kolmogorov–Smirnov, lag 1",
)
def _uniform(bench: Bench) -> Finding:
    if not bench.drawn:
        return not_applicable(NOTHING_UNCERTAIN)
    streams = {stream(p): p for p in sampled(bench.inputs)}
    lowest, lag = 1.0, 0.0
    steps = (np.arange(MANY) + 0.5) / MANY
    for key in streams:
        u = uniforms(bench.seed, key, 0, MANY)
        distance = float(np.abs(np.sort(u) - steps).max()) + 0.5 / MANY
        lowest = min(lowest, float(kolmogorov(distance * math.sqrt(MANY))))
        lag = max(lag, abs(float(np.corrcoef(u[1:], u[:-1])[0, 1])))
    limit = 0.001 / len(streams)
    told = f"{len(streams)} streams: smallest p {lowest:.2g}, largest correlation with the next {lag:.3f}"
    return holds(lowest > limit and lag < Z / math.sqrt(MANY) * 1.2, f"p above {limit:.1g}", told)


@theme(
    "TV-76",
    "Perfect information is worth at least as much as partial",
    "EVPI of the draws against the value of each input alone, by groups of draws and, of the three largest, by the "
    "regression of markov voi",
)
def _information(bench: Bench) -> Finding:
    if not bench.drawn or not bench.others:
        return not_applicable(NOTHING_UNCERTAIN)
    benefit = bench.sample.net_benefit(bench.inputs.thresholds[-1])
    whole, columns = evpi(benefit), _columns(bench)
    grouped = {key: _by_groups(benefit, x) for key, x in columns.items()}
    largest = sorted(grouped, key=lambda key: -grouped[key])[:3]
    fitted = {key: evppi(benefit, columns[key][:, None], refits=5) for key in largest}
    above = [
        key
        for key, part in fitted.items()
        if part.value - whole.value > 3.0 * math.hypot(part.standard_error, whole.standard_error) + 1e-9
    ]
    told = f"EVPI {whole.value:,.0f}; largest alone {max((p.value for p in fitted.values()), default=0.0):,.0f}"
    good = not above and whole.value >= max(grouped.values()) - 1e-6
    note = "that of longer follow-up, at most its EVPPI, is reported by markov voi"
    return holds(good, "no part above the whole", f"{told}; above: {listed(above)}", note)


def _columns(bench: Bench) -> dict[str, Array]:
    return {key: values[: bench.draws] for key, values in bench.drawn.items()}


def _by_groups(benefit: Array, x: Array, groups: int = 10) -> float:
    """Value of knowing in which tenth of its draws an input lies: Σ max of means less the highest mean."""
    parts = np.array_split(benefit[np.argsort(x, kind="stable")], groups)
    known = sum(len(part) * float(part.mean(axis=0).max()) for part in parts) / len(benefit)
    return known - float(benefit.mean(axis=0).max())


@theme(
    "TV-77", "What draws find important, one-way analysis does too", "Rank correlation of shares of variance and swings"
)
def _importance(bench: Bench) -> Finding:
    if len(bench.drawn) < 5 or not bench.others:
        return not_applicable("fewer than five inputs are uncertain")
    threshold, strategy = bench.inputs.thresholds[0], bench.others[0]
    bars = [bar for bar in bench.one_way.tornado(threshold, strategy, None) if bar.has_effect]
    benefit = bench.sample.net_benefit(threshold)
    gain, columns = _scores(benefit[:, bench.index(strategy)] - benefit[:, 0]), _columns(bench)
    first = [bar.factor.members[0].id for bar in bars]
    shares = np.array([abs(float(np.corrcoef(_scores(columns[key]), gain)[0, 1])) for key in first])
    swings = np.array([bar.swing for bar in bars])
    if len(bars) < 5:
        return not_applicable("fewer than five inputs move the result")
    found = float(np.corrcoef(_scores(shares), _scores(swings))[0, 1])
    note = "a quantity that acts only with others, or bends, ranks differently: markov sobol says which"
    return plausible(found > 0.3, "above 0.3", f"{found:.2f} over {len(bars)} inputs", note)


@theme(
    "TV-78",
    "What must hold holds in every draw and in every scenario",
    "14 rules on occupancy, flows, survival, parts and signs, each draw and each scenario of the workbook",
)
def _everywhere(bench: Bench) -> Finding:
    broken = [f"draws: {i.rule.title}" for i in bench.sample.invariants if i.breaches] if bench.drawn else []
    names = scenario_names(bench.workbook)
    for name in names:
        broken += [f"{name}: {rule}" for rule in _broken(bench, name)]
    draws = bench.draws if bench.drawn else 0
    return holds(not broken, "no breach", f"{draws} draws, {len(names)} scenarios; breaches: {listed(broken)}")


def _broken(bench: Bench, name: str) -> Iterator[str]:
    """Rules that a scenario breaks."""
    rows = [row for row in bench.workbook.scenarios if row.scenario == name]
    try:
        changed = applied(bench.workbook, rows)
    except ValueError as error:
        yield f"cannot run ({error})"
        return
    for rule, excess in excesses(changed, evaluate(changed, trace=True), {}):
        if not bool((excess <= rule.tolerance).all()):
            yield rule.title
