"""Costs: each amount reaches its category once, at its own time, and no other."""

from dataclasses import replace

import numpy as np

from markov.analysis.bank import textbook
from markov.analysis.bank.bench import EXACT, NO_EXCESS_DEATHS, NO_MALIGNANCIES, UNEQUAL_RATES, Bench
from markov.analysis.bank.registry import Finding, Theme, amounts, holds, not_applicable, plausible, rises, within
from markov.analysis.checks import relative_gap as gap
from markov.inputs.parameters import Value, changed_inputs
from markov.inputs.rules.between_values import products_of
from markov.model.evaluate import evaluate
from markov.terms import LIVING, Array, CostCategory, PriceSet

theme = Theme("Costs")
CATEGORIES = list(CostCategory)
DRUG = CATEGORIES.index(CostCategory.DRUG)
NO_DRUG = "no strategy has a drug with a price"


@theme("TV-01", "Twice the price of a drug is twice its cost, and nothing else", "Each price that is paid times 2")
def _price(bench: Bench) -> Finding:
    if not bench.prices:
        return not_applicable(NO_DRUG)
    after, before = bench.run(bench.times(bench.prices, 2.0)), bench.base
    drug = gap(after.costs[..., DRUG], 2.0 * before.costs[..., DRUG])
    rest = gap(np.delete(after.costs, DRUG, axis=-1), np.delete(before.costs, DRUG, axis=-1))
    moved = bool((before.costs[..., DRUG] > 0.0).any()) or not any(bench.number(key) for key in bench.prices)
    return within(max(drug, rest) if moved else np.inf, 1e-12, "drug cost × 2, other costs and QALYs unchanged")


@theme(
    "TV-02",
    "A larger body needs more of a drug dosed by its surface",
    "Mean body surface times 1.2, vials whole or shared",
)
def _body_surface(bench: Bench) -> Finding:
    by_surface = [
        bench.index(s)
        for s in bench.treated
        for p in products_of(bench.inputs, s)
        if bench.inputs.parameters[f"dose.amount.{p}.{s}"].unit == "mg/m2"
    ]
    larger: dict[str, Value] = {"cohort.body_surface_area": 1.2 * bench.number("cohort.body_surface_area")}
    flat = [i for i in range(len(bench.names)) if i not in by_surface]
    same = gap(bench.run(larger).costs[:, flat], bench.base.costs[:, flat]) if flat else 0.0
    shared: dict[str, Value] = {"settings.vial_waste": "off"}
    before, after = (bench.run(c).costs[0, by_surface, :, DRUG] for c in (shared, {**shared, **larger}))
    whole = bench.run(larger).costs[0, by_surface, :, DRUG] - bench.base.costs[0, by_surface, :, DRUG]
    more = not by_surface or (rises(before, after) and bool((whole >= -1e-9).all()))
    told = f"{len(by_surface)} strategies dosed by surface; flat doses off by {same:.2g}"
    return holds(more and same <= 1e-12, "more by surface (whole vials: not less), flat doses as before", told)


@theme("TV-17", "Without prices and costs nothing costs", "Every amount of money 0")
def _free(bench: Bench) -> Finding:
    return within(
        float(np.abs(bench.run(bench.times(bench.states_cost, 0.0)).costs).max()), 1e-9, "0 in every category"
    )


@theme("TV-25", "Inflation raises what is priced in older years, once", "The index of the report's year times 1.1")
def _inflation(bench: Bench) -> Finding:
    index, inputs = bench.inputs.price_index, bench.inputs
    now = int(inputs.number("settings.price_year"))
    dated = {
        k: p.price_year for k, p in inputs.parameters.items() if p.price_year is not None and k in bench.states_cost
    }
    older = tuple(k for k, year in dated.items() if int(year or now) != now)
    if not older or now not in index:
        return not_applicable("no cost in use is of an older price year")
    inflated = evaluate(replace(inputs, price_index={**index, now: 1.1 * index[now]}))
    expected = bench.run(bench.times(older, 1.1))
    told = f"{len(older)} amounts of older years; {amounts((inflated.cost / bench.base.cost - 1.0)[0] * 100, 3)} % more"
    moved = not any(bench.number(k) for k in older) or rises(bench.base.costs, inflated.costs)
    worst = gap(inflated.costs, expected.costs)
    return holds(moved and worst <= 1e-12, "as those amounts × 1.1", f"{told}; off by {worst:.2g}")


@theme(
    "TV-32",
    "A drug costs while it is given, and not after",
    "A planned stop 24 months after the start: drug cost over 3 years from the start and over the whole horizon",
)
def _while_given(bench: Bench) -> Finding:
    if not bench.treated:
        return not_applicable(NO_DRUG)
    stops: dict[str, Value] = {}
    for s in bench.treated:
        key, start = f"treatment.planned_stop.{s}", bench.inputs.number(f"treatment.start.{s}")
        stops[key] = bench.as_model(key, start + 2.0)
    latest = max(bench.inputs.number(f"treatment.start.{s}") for s in bench.treated)
    short = bench.run({**stops, "settings.horizon_years": latest + 3.0})
    whole = bench.run(stops)
    kinds = [DRUG, CATEGORIES.index(CostCategory.MONITORING)]
    after = gap(short.costs[..., kinds], whole.costs[..., kinds])
    given = bool((whole.costs[0, [bench.index(s) for s in bench.treated], 0, DRUG] > 0.0).all())
    paid = any(bench.number(key) for key in bench.prices)
    return within(after if given or not paid else np.inf, 1e-9, "no drug or monitoring cost after the stop")


@theme(
    "TV-35", "The difference in cost has the sign of the drug's", "Δ total beside Δ drug and its companions", cheap=True
)
def _signs_of_costs(bench: Bench) -> Finding:
    if not bench.others:
        return not_applicable("one strategy")
    base = bench.base
    drug = base.costs[0, 1:, 1, :3].sum(axis=-1) - base.costs[0, 0, 1, :3].sum()
    total = base.cost[0, 1:] - base.cost[0, 0]
    note = "later therapy, malignancies or deaths outweigh the drug: the table of costs by category says which"
    told = f"total {amounts(total)}; drug, administration, monitoring {amounts(drug)}"
    return plausible(bool((drug * total >= 0.0).all()), "the same sign", told, note)


@theme(
    "TV-49",
    "Events without consequences are as no events",
    "Adverse events: costs and decrements 0 against proportions 0. Second malignancies: excess deaths and costs 0 and "
    "one utility everywhere, against rates 0, in life-years and QALYs",
)
def _harmless(bench: Bench) -> Finding:
    without = bench.run(bench.times(bench.ids("adverse_event.cost.", "adverse_event.disutility."), 0.0))
    none = bench.run(bench.times(bench.ids("adverse_event.proportion.", "adverse_event.persistent_share."), 0.0))
    events = max(gap(without.costs, none.costs), gap(without.qalys, none.qalys))
    neutral: dict[str, Value] = {**EXACT, **NO_EXCESS_DEATHS, **bench.times(bench.losses, 0.0)}
    neutral |= {f"utility.{state}": 0.7 for state in LIVING}
    with_, without_ = bench.run(neutral), bench.run({**neutral, **bench.each(NO_MALIGNANCIES)})
    ratio = (bench.run(_nobody_stops(bench)).cost / bench.base.cost)[0]
    note = f"stopping for toxicity also ends drug cost: without it total cost × {amounts(ratio, 3)}; not neutral, shown"
    totals = (x.life_years.sum(axis=-1) for x in (with_, without_)), (x.qalys.sum(axis=-1) for x in (with_, without_))
    malignancies = max(gap(*pair) for pair in totals)
    told = f"adverse events off by {events:.2g}, second malignancies by {malignancies:.2g}"
    return holds(events <= 1e-12 and malignancies <= 1e-5, "equal, within 1e-12 and 1e-5", told, note)


def _nobody_stops(bench: Bench) -> dict[str, Value]:
    none = {"toxicity.proportion": None, "toxicity.observed_proportion": None, "toxicity.rate": 0.0}
    return bench.each(none, bench.treated)


@theme(
    "TV-50",
    "Drug cost over time on treatment is the price of a year",
    "Undiscounted drug cost against price × units × intensity × (time on drug / interval + half a dispensing for those "
    "who start less those on drug at the last one); relative dose intensity 1 and 0.5",
)
def _unit_cost(bench: Bench) -> Finding:
    if not bench.treated or not any(bench.number(key) for key in bench.prices):
        return not_applicable(NO_DRUG)
    full, half = ({f"dose.relative_intensity.{s}": x for s in bench.treated} for x in (1.0, 0.5))
    plain = {"settings.correction": "half_cycle"}
    first, second = (bench.run({**plain, **changes}, trace=True) for changes in (full, half))
    drug = first.costs[0, :, 0, DRUG]
    halved = gap(second.costs[..., DRUG], 0.5 * first.costs[..., DRUG])
    gaps = []
    for s in bench.treated:
        trace = first.trace
        assert trace is not None
        book = textbook.Ledger(bench, trace, s, 0.0)
        expected = sum(_by_time(bench, book, p) for p in products_of(bench.inputs, s))
        gaps.append(abs(float(drug[bench.index(s)]) / expected - 1.0) if expected else 0.0)
    told = f"off by {max(gaps):.2%}; at half the intensity off by {halved:.2g}"
    return holds(max(gaps) < 5e-3 and halved < 1e-12, "equal within 0.5 %; half at half the intensity", told)


def _by_time(bench: Bench, book: textbook.Ledger, product: str) -> float:
    """What a product should cost, from time on drug: Σ N(nI) = ∫N/I + ½(N(0) − N(end)), by regimen."""
    inputs, s = bench.inputs, book.strategy
    interval = bench.number(f"dose.interval.{product}.{s}") / 365.25
    first = int(bench.number(f"dose.initial_intervals.{product}.{s}"))
    count = int(np.ceil((min(book.stop, book.edges[-1]) - book.start) / interval - 1e-9))
    paid = textbook.money(inputs, f"price.{product}.{inputs.text('settings.price_set')}")
    each = paid / bench.number(f"product.units_per_pack.{product}")
    total = 0.0
    for begin, end, dose in ((0, first, "initial_amount"), (first, count, "amount")):
        if end > begin:
            times = book.start + interval * np.linspace(begin, end, 20 * (end - begin) + 1)
            inside = np.minimum(times, min(book.stop, book.edges[-1]) - 1e-9)
            number = book.on_drug(inside)
            area = float((0.5 * (number[1:] + number[:-1]) * np.diff(times)).sum())
            packs = area / interval + 0.5 * float(number[0] - number[-1])
            total += packs * textbook.units(inputs, product, s, f"dose.{dose}.{product}.{s}") * each
    return total


@theme(
    "TV-51",
    "More adverse events cost more and take more away",
    "Every proportion of adverse events 1; then stops for toxicity at 5 per year, of which the cost is only shown",
)
def _extreme_events(bench: Bench) -> Finding:
    shares = tuple(k for k in bench.ids("adverse_event.proportion.") if k.rsplit(".", 1)[1] in bench.names)
    often: dict[str, Value] = dict.fromkeys(shares, 1.0)
    at_once = {f"toxicity.rate.{s}": bench.as_model(f"toxicity.rate.{s}", 5.0) for s in bench.treated}
    stopping = bench.run({**_nobody_stops(bench), **at_once})
    ratios = (stopping.cost / bench.base.cost)[0], (stopping.qaly / bench.base.qaly)[0]
    note = (
        f"all stopping early: cost × {amounts(ratios[0], 3)} by strategy, QALYs × {amounts(ratios[1], 3)}: saves drug"
    )
    if not shares:
        return not_applicable(f"the workbook has no adverse events; {note}")
    after = bench.run(often)
    good = rises(bench.base.cost, after.cost) and rises(after.qaly, bench.base.qaly)
    saves = bool((ratios[0] < 1.0 - 1e-9).any())
    more, lost = (amounts((getattr(after, name) - getattr(bench.base, name))[0]) for name in ("cost", "qaly"))
    told = f"cost higher by {more}; QALYs by {lost}"
    finding = holds(good, "cost rises, QALYs fall", told, note)
    return plausible(False, finding.expected, told, note) if good and saves else finding


@theme(
    "FT-20",
    "Costs are those of the workbook's cells",
    "Every category recomputed from the trace: packs at their dates, vials, visits, events, price index; costs at 5 % "
    "a year, relative dose intensity 0.9",
)
def _recomputed(bench: Bench) -> Finding:
    changes = {**UNEQUAL_RATES, **bench.each({"dose.relative_intensity": 0.9}, bench.treated)}
    other = Bench(changed_inputs(bench.inputs, changes), draws=bench.draws, seed=bench.seed)
    worst = dict.fromkeys(CATEGORIES, 0.0)
    for s in bench.names:
        for schedule, rate in ((0, 0.0), (1, 0.05)):
            found: Array = other.base.costs[0, bench.index(s), schedule]
            told = textbook.costs(other, other.trace, s, rate)
            for i, category in enumerate(CATEGORIES):
                scale = max(abs(told[category]), 1e-6 * max(float(found.sum()), 1.0))
                worst[category] = max(worst[category], abs(float(found[i]) - told[category]) / scale)
    off = max(worst, key=lambda category: worst[category])
    return within(
        worst[off], 1e-3, "equal in every category, discounted and not", f"largest in {off.replace('_', ' ')}"
    )


@theme("FT-21", "Prices that are not paid change nothing", "Prices of the other set times 3")
def _other_prices(bench: Bench) -> Finding:
    paid = bench.inputs.text("settings.price_set")
    other = next(price_set for price_set in PriceSet if price_set != paid)
    keys = tuple(key.replace(f".{paid}", f".{other}") for key in bench.prices)
    if not any(bench.inputs.given(key) for key in keys):
        return not_applicable("there is one price only")
    return within(gap(bench.run(bench.times(keys, 3.0)).costs, bench.base.costs), 1e-12, "equal costs")


@theme("TV-29", "Shares of a decision tree sum to 1", "Shares of courses of subsequent therapy", cheap=True)
def _mix(bench: Bench) -> Finding:
    totals = {
        s: sum(bench.number(f"subsequent.share.{c}.{s}") for c in bench.inputs.names("course")) for s in bench.names
    }
    if not any(totals.values()):
        return not_applicable("there is no decision tree; subsequent therapy is a monthly cost without shares")
    told = ", ".join(f"{bench.inputs.labels[s]} {total:.3g}" for s, total in totals.items())
    note = "above 1 a patient has more than one course on average: right if they are lines one after the other"
    return plausible(all(total <= 1.0 + 1e-9 for total in totals.values()), "at most 1 course a patient", told, note)
