"""Writes docs/conclusions.md: ten conclusions in words, each made from results and backed by its table.

    python docs/conclusions.py

It takes a minute or two. The last line of the page is a fingerprint of the results that it was made from; a test
recomputes it, so that a page which no longer says what the model says is found.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import markov
from markov.analysis.base_case import BaseCase, base_case
from markov.analysis.draws import random_draws
from markov.analysis.incremental import icer_in_words, pairwise
from markov.analysis.sensitivity.one_way import one_way
from markov.analysis.sensitivity.scenarios import scenarios
from markov.analysis.sensitivity.value_based_price import value_based_price_table
from markov.analysis.uncertainty.follow_up import FollowUp, longer_follow_up
from markov.analysis.uncertainty.importance import ImportanceTable, importance_tables
from markov.analysis.uncertainty.probabilistic import Probabilistic, probabilistic
from markov.analysis.uncertainty.sobol import sobol_analysis
from markov.analysis.uncertainty.value_of_information import ValueOfInformation, value_of_information
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.workbook import read_inputs
from markov.inputs.writing.template import shipped, worked_names
from markov.model.evaluate import evaluate
from markov.report.sheets.sobol import source_words
from markov.report.words import money, per_qaly
from markov.terms import PriceSet

PAGE = Path(__file__).parent / "conclusions.md"
FLAGSHIP, DRUG, OTHER, NONE = "post_transplant_uk", "lenalidomide", "thalidomide", "no_maintenance"
RUNS, POINTS, SEED = 4000, 256, 1
MARK = "Fingerprint of the results: "


@dataclass(frozen=True)
class Conclusion:
    """A sentence or two, and the table they stand on."""

    words: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: str


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def fingerprint() -> str:
    """SHA-256 of the version, the results of every shipped workbook at both prices, and the flagship's first draws."""
    told = [markov.__version__]
    for name in worked_names():
        inputs = read_inputs(shipped(name))
        for price in PriceSet:
            outcomes = evaluate(with_values(inputs, {"settings.price_set": price.value}))
            told += [f"{name} {price} {x:.6g}" for x in (*outcomes.cost[0], *outcomes.qaly[0], *outcomes.life_year[0])]
    drawn = random_draws(read_inputs(shipped(FLAGSHIP)), 5, SEED).columns()
    told += [f"{key} {column.sum():.6g}" for key, column in drawn.items()]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def page() -> str:
    """Ten conclusions, each with its table."""
    lines = [
        "# Ten conclusions",
        "",
        "What the shipped workbooks say, in words, each with the table it stands on. Made by `python "
        "docs/conclusions.py` from results; do not edit. They hold under the inputs of the workbooks, many of which "
        "are assumed or not verified, and under list prices of 2014 where nothing else is said. Probabilistic figures "
        f"rest on {RUNS:,} draws, seed {SEED}.",
    ]
    for number, one in enumerate(conclusions(), start=1):
        lines += ["", f"## {number}. {one.words}", "", "| " + " | ".join(one.columns) + " |"]
        lines += ["|" + "---|" * len(one.columns)]
        lines += ["| " + " | ".join(row) + " |" for row in one.rows]
        lines += ["", f"`{one.source}`"]
    return "\n".join([*lines, "", MARK + fingerprint(), ""])


def conclusions() -> Iterator[Conclusion]:
    """The ten, over one set of draws of the flagship at each price."""
    inputs = read_inputs(shipped(FLAGSHIP))
    generic = with_values(inputs, {"settings.price_set": "generic"})
    base = base_case(inputs)
    brand_draws, generic_draws = (probabilistic(each, RUNS, SEED, traced=False) for each in (inputs, generic))
    information = value_of_information(generic, generic_draws.sample)
    yield at_list_price(inputs, brand_draws)
    yield what_would_have_to_be_true(inputs)
    yield at_generic_price(generic, generic_draws)
    yield thalidomide(inputs, base)
    yield after_progression(inputs, base)
    yield three_more_years(inputs, generic, brand_draws, generic_draws)
    yield what_drives_it(inputs, generic, brand_draws, information)
    yield worth_knowing(generic, information)
    yield second_malignancies(inputs)
    yield every_workbook()


def at_list_price(inputs: Inputs, found: Probabilistic) -> Conclusion:
    """How sure it is that lenalidomide is not cost-effective at its list price."""
    i = inputs.compared.index(DRUG)
    chance = float(found.decisions.probability[-1, i])
    pair = next(row for row in found.pairwise if row.strategy == DRUG)
    words = (
        f"At its list price lenalidomide costs {icer_in_words(pair, inputs.currency)}, and is the best choice in "
        f"{chance:.1%} of draws at {per_qaly(inputs.thresholds[-1], inputs.currency)}"
    )
    return Conclusion(words, *decision_table(inputs, found), f"markov psa inputs/{FLAGSHIP}.xlsx")


def what_would_have_to_be_true(inputs: Inputs) -> Conclusion:
    """Which price would make lenalidomide cost-effective, under several assumptions on survival."""
    changes = {
        "OS hazard ratio 0.58, lower limit of the pool": {"os.hazard_ratio.lenalidomide": 0.58},
        "OS effect never wanes": {"os.waning_start.lenalidomide": None, "os.waning_end.lenalidomide": None},
        "Stopped after two years, effect kept": {"treatment.planned_stop.lenalidomide": 24.0},
    }
    prices = value_based_price_table(inputs, DRUG, changes)
    low, high = inputs.thresholds[0], inputs.thresholds[-1]
    shares = {p.alternative: {} for p in prices}
    for p in prices:
        shares[p.alternative][p.threshold] = p.share
    first = next(iter(shares.values()))
    rows = tuple((name, *(share_words(by.get(t)) for t in (low, high))) for name, by in shares.items())
    best = max((by[high] or 0.0 for by in shares.values()), default=0.0)
    words = (
        f"To be cost-effective at {per_qaly(high, inputs.currency)} lenalidomide would have to cost "
        f"{share_words(first[high])}; under the most favourable assumption below, {share_words(best)}"
    )
    columns = ("assumption", *(f"price at {per_qaly(t, inputs.currency)}" for t in (low, high)))
    return Conclusion(words, columns, rows, f"markov run inputs/{FLAGSHIP}.xlsx, sheet Threshold")


def share_words(share: float | None) -> str:
    """A share of the list price in words."""
    if share is None:
        return "at no price"
    return f"{share:.0%} of its list price" if share > 0.0 else "less than nothing"


def at_generic_price(inputs: Inputs, found: Probabilistic) -> Conclusion:
    """What generic prices change."""
    best = [inputs.labels[inputs.compared[b]].lower() for b in found.decisions.best]
    sure = [float(p) for p in found.decisions.frontier]
    told = "; ".join(
        f"{name} is best on average at {per_qaly(t, inputs.currency)}, in {p:.0%} of draws"
        for name, t, p in zip(best, inputs.thresholds, sure, strict=True)
    )
    words = f"At generic prices, assumed to be a tenth of list, {told}"
    source = f"markov psa inputs/{FLAGSHIP}.xlsx --set settings.price_set=generic"
    return Conclusion(words, *decision_table(inputs, found), source)


def decision_table(inputs: Inputs, found: Probabilistic) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Probability of being best and expected loss, by threshold and strategy."""
    columns = (
        "threshold per QALY",
        "highest mean net benefit",
        *(f"best in draws, {inputs.labels[s].lower()}" for s in inputs.compared),
        "expected loss of the best",
    )
    d = found.decisions
    rows = tuple(
        (
            money(float(t), inputs.currency),
            inputs.labels[inputs.compared[d.best[i]]],
            *(f"{p:.1%}" for p in d.probability[i]),
            money(float(d.evpi[i]), inputs.currency),
        )
        for i, t in enumerate(d.thresholds)
    )
    return columns, rows


def thalidomide(inputs: Inputs, base: BaseCase) -> Conclusion:
    """Thalidomide saves money because health is lost."""
    row = next(r for r in base.pairwise if r.strategy == OTHER)
    words = (
        f"Thalidomide {'saves' if row.delta_cost < 0 else 'costs'} {money(abs(row.delta_cost), inputs.currency)} and "
        f"{'loses' if row.delta_qaly < 0 else 'gains'} {abs(row.delta_qaly):.2f} QALYs: "
        f"{icer_in_words(row, inputs.currency)}"
    )
    columns = ("strategy", "difference in cost", "difference in QALYs", "ratio in words")
    rows = tuple(
        (
            inputs.labels[r.strategy],
            money(r.delta_cost, inputs.currency),
            f"{r.delta_qaly:.3f}",
            icer_in_words(r, inputs.currency),
        )
        for r in base.pairwise
    )
    return Conclusion(words, columns, rows, f"markov run inputs/{FLAGSHIP}.xlsx, sheet Incremental")


def after_progression(inputs: Inputs, base: BaseCase) -> Conclusion:
    """What the three readings of mortality after progression say."""
    rows, gains = [], []
    for headline in base.headlines:
        if not headline.outcomes:
            continue
        outcomes = next(iter(headline.outcomes.values()))
        i, r = (outcomes.strategies.index(s) for s in (DRUG, inputs.reference))
        gained = float((outcomes.life_years[0, i, 0] - outcomes.life_years[0, r, 0]).sum())
        gains.append(gained)
        ratio = next(
            icer_in_words(p, inputs.currency)
            for p in pairwise(outcomes.strategies, outcomes.cost[0], outcomes.qaly[0], inputs.reference)
            if p.strategy == DRUG
        )
        qaly = float(outcomes.qaly[0, i] - outcomes.qaly[0, r])
        rows.append(
            (headline.name + (" (base case)" if headline.is_base else ""), f"{gained:.2f}", f"{qaly:.2f}", ratio)
        )
    words = (
        f"Mortality after progression is the largest structural uncertainty: lenalidomide gains {min(gains):.1f} to "
        f"{max(gains):.1f} life-years, by how it is read"
    )
    columns = ("reading", "life-years gained, undiscounted", "QALYs gained", "ratio, brand price")
    return Conclusion(words, columns, tuple(rows), f"markov run inputs/{FLAGSHIP}.xlsx, sheet Summary")


def three_more_years(
    inputs: Inputs, generic: Inputs, brand_draws: Probabilistic, generic_draws: Probabilistic
) -> Conclusion:
    """What longer follow-up is worth, at the price at which the decision is open."""
    found = longer_follow_up(generic, generic_draws.sample, DRUG, (1.0, 3.0, 5.0, 8.0), seed=SEED)
    listed = longer_follow_up(inputs, brand_draws.sample, DRUG, (3.0,), seed=SEED).waits[-1].information.value
    other = "nothing: no result would change the decision" if listed < 0.5 else money(listed, inputs.currency)
    wait = found.at(found.thresholds[-1])[1]
    at = money(wait.threshold, inputs.currency)
    value = money(wait.information.value, inputs.currency)
    pays = "pays" if (wait.net_benefit or 0.0) > 0 else "does not pay"
    words = (
        f"At generic prices three more years of follow-up of lenalidomide are worth {value} per patient (± "
        f"{money(1.96 * wait.information.standard_error, inputs.currency)}) at {at} per QALY, which {pays} for the "
        f"study; at the list price they are worth {other}"
    )
    columns = (
        "threshold",
        "years",
        "further deaths",
        "value per patient",
        "standard error",
        "another decision",
        "ENBS",
    )
    return Conclusion(
        words,
        columns,
        tuple(waits(inputs, found)),
        f"markov voi inputs/{FLAGSHIP}.xlsx --set settings.price_set=generic",
    )


def waits(inputs: Inputs, found: FollowUp) -> Iterator[tuple[str, ...]]:
    """A row for each threshold and wait."""
    for wait in found.waits:
        yield (
            money(wait.threshold, inputs.currency),
            f"{wait.years:g}",
            f"{sum(wait.events):.0f}",
            money(wait.information.value, inputs.currency),
            money(wait.information.standard_error, inputs.currency),
            f"{wait.changes:.1%}",
            money(wait.net_benefit or 0.0, inputs.currency),
        )


def what_drives_it(
    inputs: Inputs, generic: Inputs, draws: Probabilistic, information: ValueOfInformation
) -> Conclusion:
    """Variance is not value: at the list price what moves net benefit most is worth nothing to know."""
    both: list[tuple[str, ImportanceTable]] = []
    for price, each, known in (
        ("list", inputs, value_of_information(inputs, draws.sample)),
        ("generic", generic, information),
    ):
        shares = sobol_analysis(each, POINTS, second_order=False, seed=SEED)
        both.append((price, importance_tables(shares, known, one_way(each))[-1]))
    first, second = (table.leading_in_variance for _, table in both)
    words = (
        "What moves net benefit most need not matter for the decision: at the list price "
        f"“{source_words(inputs, first.parameters)}” has a part in {first.total or 0.0:.0%} of the variance and is "
        f"worth {money(first.value, inputs.currency)} per patient to know; at the generic price "
        f"“{source_words(inputs, second.parameters)}” has {second.total or 0.0:.0%} and is worth "
        f"{money(second.value, inputs.currency)}"
    )
    columns = ("price", "input", "one-way rank", "first order", "total", "EVPPI per patient")
    rows = tuple(
        (
            price,
            source_words(inputs, row.parameters),
            f"{row.swing_rank or 0:.0f}",
            f"{row.first or 0.0:.2f}",
            f"{row.total or 0.0:.2f}",
            money(row.value, inputs.currency),
        )
        for price, table in both
        for row in table.rows[:4]
    )
    return Conclusion(words, columns, rows, f"markov run inputs/{FLAGSHIP}.xlsx --all, sheet Importance")


def worth_knowing(inputs: Inputs, found: ValueOfInformation) -> Conclusion:
    """What evidence would be worth having, at generic prices."""
    threshold = found.thresholds[-1]
    parts = sorted((p for p in found.grouped if p.threshold == threshold), key=lambda p: -p.information.value)
    at, perfect = money(threshold, inputs.currency), money(found.perfect[-1].value, inputs.currency)
    words = (
        f"At generic prices and {at} per QALY knowing everything would be worth {perfect} per patient; of what one "
        f"study could inform, {parts[0].group.lower()} is worth most, "
        f"{money(parts[0].information.value, inputs.currency)}"
    )
    columns = ("evidence", "EVPPI per patient", "standard error")
    rows = tuple(
        (
            part.group,
            money(part.information.value, inputs.currency),
            money(part.information.standard_error, inputs.currency),
        )
        for part in parts
    )
    return Conclusion(words, columns, rows, f"markov voi inputs/{FLAGSHIP}.xlsx --set settings.price_set=generic")


def second_malignancies(inputs: Inputs) -> Conclusion:
    """What second malignancies, stops and waning take away."""
    names = ("No second malignancies", "No stops for toxicity", "OS effect never wanes", "No effect on OS")
    told = scenarios(inputs, names)
    base = told.base.own
    assert base is not None
    reference = base.of(DRUG)
    assert reference is not None and reference.against is not None
    rows = [
        ("Base case", f"{reference.against.delta_qaly:.2f}", money(reference.against.delta_cost, inputs.currency), "")
    ]
    change: dict[str, float] = {}
    for one in told.scenarios:
        result = None if one.own is None else one.own.of(DRUG)
        if result is None or result.against is None:
            continue
        change[one.name] = result.against.delta_qaly - reference.against.delta_qaly
        cost = money(result.against.delta_cost, inputs.currency)
        rows.append((one.name, f"{result.against.delta_qaly:.2f}", cost, f"{change[one.name]:+.2f}"))
    harm, lasting = change[names[0]], change[names[2]]
    more = "more" if abs(lasting) > abs(harm) else "less"
    words = (
        f"Whether the survival effect lasts matters {more} than second malignancies: without them lenalidomide would "
        f"gain {harm:+.2f} QALYs, if its effect never waned {lasting:+.2f}"
    )
    columns = ("scenario", "QALYs gained", "difference in cost", "change in QALYs gained")
    return Conclusion(words, columns, tuple(rows), f"markov run inputs/{FLAGSHIP}.xlsx, sheet Scenarios")


def every_workbook() -> Conclusion:
    """Every trial at both prices."""
    rows: list[tuple[str, ...]] = []
    dear = cheap = compared = 0
    for name in worked_names():
        inputs = read_inputs(shipped(name))
        high = inputs.thresholds[-1]
        told: dict[str, list[tuple[str, float]]] = {}
        for price in PriceSet:
            outcomes = evaluate(with_values(inputs, {"settings.price_set": price.value}))
            for row in pairwise(outcomes.strategies, outcomes.cost[0], outcomes.qaly[0], inputs.reference):
                gain = high * row.delta_qaly - row.delta_cost
                told.setdefault(row.strategy, []).append((icer_in_words(row, inputs.currency), gain))
        for strategy, ((brand, first), (generic, second)) in told.items():
            compared, dear, cheap = compared + 1, dear + (first > 0), cheap + (second > 0)
            rows.append(
                (name, inputs.labels[strategy], brand, generic, money(high, inputs.currency), sign(first), sign(second))
            )
    words = (
        f"Of {compared} comparisons in the shipped workbooks {dear} have a positive net benefit at list prices and "
        f"{cheap} at generic prices, at the higher threshold of each"
    )
    columns = ("workbook", "strategy", "ratio, list price", "ratio, generic price", "threshold", "list", "generic")
    return Conclusion(words, columns, tuple(rows), "markov run inputs/NAME.xlsx, sheet Summary")


def sign(gain: float) -> str:
    """Whether net benefit is gained."""
    return "positive" if gain > 0 else "negative"


if __name__ == "__main__":
    main()
