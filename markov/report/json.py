"""The numbers of a report as JSON, schema 1, at full precision, for other programs.

What a class lists in `json_keys` is encoded field by field; what is put together from several results stands here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from markov.inputs.definitions.schema import Sheet
from markov.model.outcomes import LANDMARK_YEARS, SCHEDULES, Outcomes
from markov.report.json_keys import Data, encoded, shaped
from markov.report.sheets.provenance import program
from markov.terms import LIVING, MONTHS_PER_YEAR, Array, CostCategory, State, Verdict

if TYPE_CHECKING:
    from markov.analysis.bank.bench import Bench
    from markov.analysis.bank.registry import Tested
    from markov.analysis.base_case import BaseCase, Headline
    from markov.analysis.interpretation.benefit_risk import Malignancies
    from markov.analysis.sensitivity.everything import Deterministic
    from markov.analysis.uncertainty.everything import Uncertainty
    from markov.analysis.uncertainty.follow_up import FollowUp
    from markov.analysis.uncertainty.given_data import Given, GivenData
    from markov.analysis.uncertainty.probabilistic import Probabilistic
    from markov.analysis.uncertainty.sobol import Sobol
    from markov.analysis.uncertainty.sobol_indices import Indices
    from markov.analysis.uncertainty.structural import StructuralAverage
    from markov.analysis.uncertainty.value_of_information import ValueOfInformation
    from markov.analysis.walk.walk import Path, Walk
    from markov.inputs.differences import InputDifference
    from markov.inputs.parameters import Inputs

NOT_REACHED = "not reached within the horizon"


def _by(names: Sequence[str], values: Any) -> Data:
    """Values by strategy, state or category."""
    return dict(zip(map(str, names), encoded(values), strict=True))


def document(data: Mapping[str, Any], *, indent: int = 1) -> str:
    """Data of schema 1 as a JSON text.

    >>> print(document({"psa": {"runs": 10}}, indent=0).replace("\\n", " "))
    { "schema": 1, "psa": { "runs": 10 } }
    """
    return json.dumps({"schema": 1, **data}, indent=indent, ensure_ascii=False, allow_nan=False)


# ---------------------------------------------------------------------------------------------------- the base case


def run_json(
    result: "BaseCase",
    *,
    deterministic: "Deterministic | None" = None,
    uncertainty: "Uncertainty | None" = None,
    trace: bool = False,
) -> str:
    """A run as a JSON text: what `markov run --json` writes.

    >>> json.loads(run_json(calgb_base))["incremental"][1]["strategy"]
    'lenalidomide'
    """
    inputs, outcomes = result.inputs, result.outcomes
    settings = [p for p in inputs.parameters.values() if p.definition.sheet is Sheet.SETTINGS]
    others = [p for p in inputs.parameters.values() if p.definition.sheet is not Sheet.SETTINGS]
    data: Data = {
        **_heading(inputs),
        "settings": {p.id.removeprefix("settings."): p.value for p in settings},
        "parameters": {p.id: {key: getattr(p, key) for key in ("value", "unit", "status", "cell")} for p in others},
        "strategies": [_strategy(result, i) for i in range(len(outcomes.strategies))],
        "incremental": encoded(result.incremental),
        "pairwise": [{"strategy": row.strategy, **encoded(row)} for row in result.pairwise],
        "net_benefit": [
            {
                "threshold": threshold,
                "monetary": _by(outcomes.strategies, result.net_benefit.monetary[i]),
                "health": _by(outcomes.strategies, result.net_benefit.health[i]),  # null at a threshold of 0
            }
            for i, threshold in enumerate(inputs.thresholds)
        ],
        "headlines": [_headline(headline) for headline in result.headlines],
        "checks": encoded(result.checks),
        "warnings": [str(problem) for problem in inputs.warnings],
    }
    data |= _deterministic(deterministic) if deterministic else {}
    data |= _uncertainty(uncertainty) if uncertainty else {}
    return document(data | ({"trace": _trace(outcomes)} if trace else {}), indent=2)


def _heading(inputs: "Inputs") -> Data:
    workbook = {"name": inputs.name, "sha256": inputs.sha256, "title": inputs.title}
    return {"program": program(), "workbook": workbook, "confidential": list(inputs.confidential)}


def _strategy(result: "BaseCase", i: int) -> Data:
    outcomes = result.outcomes
    name, costs = outcomes.strategies[i], outcomes.costs[0, i]
    treatment = outcomes.curves["on_treatment"].median[0, i] * MONTHS_PER_YEAR
    return {
        "id": name,
        "label": result.inputs.labels[name],
        "life_years": _in_parts(outcomes.life_years[0, i], "by_state", LIVING),
        "qalys": _in_parts(outcomes.qalys[0, i], "by_state", LIVING),
        "costs": _in_parts(costs, "by_category", tuple(CostCategory)),
        "events": _by(tuple(State), outcomes.entries[0, i]),
        "time_on_treatment": {
            "mean_months": float(outcomes.time_on_treatment[0, i] * MONTHS_PER_YEAR),
            **_with_reason("median_months", treatment, "no treatment, or not reached"),
        },
        "solved": {f"{key}_per_year": float(values[0, i]) for key, values in outcomes.solved.items()},
        "counts": {key: encoded(values[0, i]) for key, values in outcomes.counts.items()},
        "survival": {key: _curve(outcomes, key, i) for key in ("pfs_net_of_spm", "progression_and_spm_free", "os")},
    }


def _in_parts(values: Array, key: str, parts: Sequence[str]) -> Data:
    """Totals and parts of (schedules, parts), undiscounted and discounted."""
    return {
        **_by(SCHEDULES, values.sum(axis=1)),
        key: {str(part): _by(SCHEDULES, values[:, j]) for j, part in enumerate(parts)},
    }


def _with_reason(key: str, value: float, reason: str) -> Data:
    return {key: float(value)} if np.isfinite(value) else {key: None, f"{key}_reason": reason}


def _curve(outcomes: Outcomes, key: str, i: int) -> Data:
    summary = outcomes.curves[key]
    return {
        **_with_reason("median_months", summary.median[0, i] * MONTHS_PER_YEAR, NOT_REACHED),
        "mean_months": float(summary.mean[0, i] * MONTHS_PER_YEAR),
        "landmarks_by_year": _by([f"{years:g}" for years in LANDMARK_YEARS], summary.landmarks[0, i]),
    }


def _headline(headline: "Headline") -> Data:
    return shaped(headline) | {"prices": {price.value: _totals(paid) for price, paid in headline.outcomes.items()}}


def _totals(outcomes: Outcomes) -> Data:
    """Of one run, by strategy: discounted cost and QALYs, undiscounted life-years."""
    years = outcomes.life_years[0, :, 0].sum(axis=1)
    columns = {"cost": outcomes.cost[0], "qaly": outcomes.qaly[0], "life_years_undiscounted": years}
    return {
        name: {key: float(values[i]) for key, values in columns.items()} for i, name in enumerate(outcomes.strategies)
    }


def _trace(outcomes: Outcomes) -> Data:
    assert outcomes.trace is not None
    times, occupancy = outcomes.trace.boundaries.tolist(), outcomes.trace.occupancy[0]
    return {
        name: {"time_years": times, "occupancy": _by(tuple(State), occupancy[i].T)}
        for i, name in enumerate(outcomes.strategies)
    }


# ------------------------------------------------------------------------------------ deterministic and of patients


def _deterministic(found: "Deterministic") -> Data:
    one_way = found.one_way
    people = found.severity.population
    population = {
        "life_years_undiscounted": people.life_years,
        "qalys_undiscounted": people.qalys_undiscounted,
        "qalys_discounted": people.qalys,
    }
    return {
        "scenarios": encoded(found.scenarios),
        "one_way": {
            "thresholds": encoded(one_way.thresholds),
            "factors": encoded({bar.factor.name: bar.factor for bar in one_way.bars}),
            "bars": encoded(one_way.bars),
        },
        "two_way": encoded(found.two_way),
        "threshold": encoded(found.thresholds),
        "value_based_price": {"base_case": encoded(found.prices), "by_assumed_survival": encoded(found.follow_up)},
        "severity": shaped(found.severity) | {"population": {key: float(v[0]) for key, v in population.items()}},
        "benefit_risk": encoded(found.benefit_risk),
        "second_malignancies": _malignancies(found.malignancies, one_way.strategies),
    }


def _malignancies(found: "Malignancies", strategies: Sequence[str]) -> Data:
    by_year = ("incidence", "haematologic", "deaths")
    in_all = ("ever", "ever_deaths", "share_of_deaths", "life_years")
    by_strategy = {
        name: encoded({key: getattr(found, key)[:, i] for key in by_year})
        | {key: float(getattr(found, key)[i]) for key in in_all}
        for i, name in enumerate(strategies)
    }
    return {"years": encoded(found.years), "by_strategy": by_strategy}


# ------------------------------------------------------------------------------------------------------ uncertainty


def _uncertainty(found: "Uncertainty") -> Data:
    return {
        "psa": psa_data(found.probabilistic),
        "sobol": sobol_data(found.sobol),
        "voi": voi_data(found.information, found.follow_up, found.note),
        "importance": encoded(found.importance),
    }


def psa_data(result: "Probabilistic", average: "StructuralAverage | None" = None) -> Data:
    """Summaries, decisions, acceptability, plane, severity, invariants and draws; scenarios of an average.

    >>> from markov.analysis.uncertainty.probabilistic import probabilistic
    >>> [decision["best"] for decision in psa_data(probabilistic(calgb, 20))["decisions"]]
    ['no_maintenance', 'no_maintenance']
    """
    sample, names, found, curves = result.sample, result.sample.strategies, result.decisions, result.curves
    decisions = [
        {
            "threshold": float(threshold),
            "best": names[found.best[i]],
            "probability": _by(names, found.probability[i]),
            "expected_loss": _by(names, found.loss[i]),
            "evpi": float(found.evpi[i]),
        }
        for i, threshold in enumerate(found.thresholds)
    ]
    means = [{"versus": names[0], "mean_delta_qaly": p.mean[0], "mean_delta_cost": p.mean[1]} for p in result.planes]
    data: Data = {
        "runs": sample.runs,
        "strategies": list(names),
        "summaries": encoded(result.summaries),
        "decisions": decisions,
        "acceptability": {
            "thresholds": encoded(curves.thresholds),
            "probability": _by(names, curves.probability.T),
            "frontier": encoded(curves.frontier),
            "frontier_strategy": [names[best] for best in curves.best],
            "evpi": encoded(curves.evpi),
        },
        "plane": [encoded(plane) | mean for plane, mean in zip(result.planes, means, strict=True)],
        "severity_weights": [{"weight": w, "probability": share} for w, share in result.severity.items()],
        "idle": list(result.idle),
        "invariants": encoded(sample.invariants),
        "draws": {name: _by(names, getattr(sample, name).T) for name in ("cost", "qaly", "life_years")},
    }
    if average is not None:
        data["structures"] = [
            {key: getattr(one, key) for key in ("name", "weight", "runs")}
            | {"mean_net_benefit": [_by(names, row) for row in one.mean_net_benefit]}
            for one in average.structures
        ]
        data["value_of_structure"] = encoded(average.value_of_structure)
    return data


def sobol_data(result: "Sobol") -> Data:
    """The design, its factors, and every index of every output with its half-width and statement of convergence.

    >>> from markov.analysis.uncertainty.sobol import sobol
    >>> data = sobol_data(sobol(calgb, 4, second_order=False, resamples=20))
    >>> data["points"], data["outputs"][0]["output"]
    (4, 'net_benefit.25000.lenalidomide')
    """
    return shaped(result) | {"outputs": [_indices(found) for found in result.indices]}


def _indices(found: "Indices") -> Data:
    data: Data = {"output": found.output, "mean": found.mean, "variance": found.variance}
    if found.total is None:
        return data | {"indices": None, "reason": found.reason}
    columns = {key: encoded(getattr(found, key)) for key in ("first", "first_half_width", "total", "total_half_width")}
    data["indices"] = [
        {"factor": name, **{key: values[i] for key, values in columns.items()}} for i, name in enumerate(found.factors)
    ]
    if found.second is not None and found.second_half_width is not None:
        second, half_width = encoded(found.second), encoded(found.second_half_width)
        data["pairs"] = [
            {
                "factors": [found.factors[i], found.factors[j]],
                "second": second[i][j],
                "second_half_width": half_width[i][j],
            }
            for i, j in found.pairs
        ]
    return data | {"convergence": encoded(found.statement)}


def given_data_data(result: "GivenData") -> Data:
    """What a method for given data says: its draws and inputs, and every index of every output by falling index.

    >>> from markov.analysis.uncertainty.given_data import given_data
    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> given_data_data(given_data(draw_sample(calgb, 100), [25000.0], "pawn", resamples=2))["method"]
    'pawn'
    """
    return shaped(result) | {"outputs": [_given(given, result) for given in result.outputs]}


def _given(given: "Given", result: "GivenData") -> Data:
    if given.index is None:
        return {"output": given.output, "indices": None, "reason": given.reason}
    half_width = [None] * len(given.index) if given.half_width is None else encoded(given.half_width)
    indices = [
        {"input": result.inputs[i].name, "index": float(given.index[i]), "half_width": half_width[i]}
        for i in given.ranking
    ]
    return {"output": given.output, "noise": encoded(given.noise), "indices": indices}


def voi_data(found: "ValueOfInformation", follow_up: Sequence["FollowUp"], note: str) -> Data:
    """Perfect and partial perfect information per patient, and longer follow-up.

    >>> from markov.analysis.uncertainty.sample import draw_sample
    >>> from markov.analysis.uncertainty.value_of_information import value_of_information
    >>> data = voi_data(value_of_information(calgb, draw_sample(calgb, 60)), [], "no trial")
    >>> sorted(data)
    ['follow_up', 'follow_up_reason', 'groups', 'perfect', 'single']
    """
    perfect = zip(found.thresholds, found.perfect, strict=True)

    def parts(values: Sequence[Any]) -> list[Data]:
        told = [{"name": v.group, "parameters": list(v.parameters), "threshold": v.threshold} for v in values]
        return [one | encoded(value.information) for one, value in zip(told, values, strict=True)]

    return {
        "perfect": [{"threshold": threshold, **encoded(value)} for threshold, value in perfect],
        "single": parts(found.single),
        "groups": parts(found.grouped),
        "follow_up": [_follow_up(one) for one in follow_up],
        "follow_up_reason": note or None,
    }


def _follow_up(found: "FollowUp") -> Data:
    data = shaped(found)
    data["late_effect"] = "share of the early effect" if found.is_share else "modelled hazards"
    data["meanwhile"] = encoded(dict(zip(found.thresholds, found.meanwhile, strict=True)))
    for told, wait in zip(data["waits"], found.waits, strict=True):
        told["net_benefit_after"] = wait.expected_now + wait.information.value
    return data


# ---------------------------------------------------------------------------------- walks, and the verification bank


def walk_json(walk: "Walk") -> str:
    """Steps, paths and differing inputs of a walk as a JSON text; what could not be run is null.

    >>> from markov.analysis.walk.walk import walk
    >>> from markov.inputs.given_values import with_values
    >>> json.loads(walk_json(walk(calgb, with_values(calgb, {"utility.progression": 0.5}))))["walk"]["steps"][0]["name"]
    'Utilities'
    """
    confidential = list(dict.fromkeys([*walk.first.confidential, *walk.second.confidential]))
    data = {
        "first": {"name": walk.first.name, "sha256": walk.first.sha256},
        "second": {"name": walk.second.name, "sha256": walk.second.sha256},
        "currency": walk.first.currency,
        "reference": walk.terms.reference,
        "thresholds": encoded(walk.terms.thresholds),
        "largest_relative_distance_at_ends": encoded(walk.gaps),
        "remarks": list(walk.remarks),
        "steps": encoded(walk.steps),
        "not_alone": dict(walk.alone),
        "no_average": walk.orders or None,
        "paths": [_path(path) for path in walk.paths],
        "inputs": [_input(walk, difference) for difference in walk.found.inputs],
        "not_read": [_sides(difference) for difference in walk.found.inert],
    }
    return document({"confidential": confidential, "walk": data})


def _path(path: "Path") -> Data:
    """One strategy against the reference; `price_set` null: as each workbook pays."""
    data = {"strategy": path.strategy, "price_set": encoded(path.price_set), "ratios": list(path.ratios)}
    measured = {"own_runs": path.own, "in_sequence": path.effects}
    measured |= {name: getattr(path, name) for name in ("standing", "alone", "reverse", "average")}
    return data | {name: _measures(values) for name, values in measured.items()}


def _measures(values: Array) -> list[Data]:
    """Columns of a walk's measures: cost, QALYs, net benefit at each threshold."""
    return [
        {"delta_cost": cost, "delta_qaly": qaly, "net_benefit_gained": benefits}
        for cost, qaly, *benefits in encoded(values)
    ]


def _input(walk: "Walk", difference: "InputDifference") -> Data:
    single = walk.singles[difference.id]
    effect = None if single.effect is None else dict(zip(walk.terms.strategies, _measures(single.effect), strict=True))
    return {**_sides(difference), "alone": effect, "remark": single.remark or None}


def _sides(difference: "InputDifference") -> Data:
    """An input's id with both sides; a side without a row is null."""
    words = encoded(difference.told) if difference.told else None
    sides = {"first": encoded(difference.first), "second": encoded(difference.second)}
    return {"id": difference.id, "label": difference.label, **sides, "in_words": words}


def verification_json(bench: "Bench", tested: Sequence["Tested"]) -> str:
    """Every test of the verification bank with its verdict, and counts, as a JSON text.

    >>> from markov.analysis.bank.bench import Bench
    >>> json.loads(verification_json(Bench(calgb, 10), []))["verification"]["counts"]["fail"]
    0
    """
    verdicts = [each.check.verdict for each in tested]
    counts = {verdict.value: verdicts.count(verdict) for verdict in Verdict}
    verification = {"draws": bench.draws, "seed": bench.seed, "counts": counts, "tests": encoded(tested)}
    return document({**_heading(bench.inputs), "verification": verification})
