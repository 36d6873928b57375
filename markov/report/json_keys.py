"""The keys of the JSON by class, and the one encoder: a result becomes a dictionary of the fields that its class lists.

The keys are described in docs/json.md; within schema 1 they are only added to.
"""

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Any

import numpy as np

Data = dict[str, Any]

SHAPES: Mapping[str, str] = {
    # The base case
    "Check": "id expected observed verdict note",
    "Headline": "name base_case=is_base reason?",
    "IncrementalRow": "strategy cost qaly delta_cost delta_qaly icer versus status=position",
    "PairwiseRow": "versus delta_cost delta_qaly icer quadrant",
    # Scenarios and sensitivity analyses
    "Axis": "id unit base values with=together",
    "Balance": "strategy threshold price_set favouring against unchanged not_compared decision_changed",
    "Bar": "factor=factor.name strategy threshold base points swing monotone=is_monotone changes_decision decisions "
    "at_low at_high",
    "BorderPoint": "threshold first second between",
    "Change": "id label unit base value",
    "Crossing": "value net_benefit verified=is_verified error?",
    "Factor": "label declared members",
    "Member": "id unit base low high status follows",
    "PackPrice": "product id list_price price",
    "Priced": "price_set thresholds strategies optimal decision_changed",
    "Scenario": "name reason changes own_prices=own prices=priced remarks error?",
    "Scenarios": "base_case=base list=scenarios balance",
    "StrategyResult": "strategy cost qaly life_years against_reference=against ratio net_benefit "
    "net_benefit_gained=gain change_from_base=change",
    "ThresholdValue": "id=question.axis.id unit=question.axis.unit base=question.axis.base strategy=question.strategy "
    "versus=question.versus threshold=question.threshold value value_reason=words!value net_benefit.low=at_low "
    "net_benefit.base=at_base net_benefit.high=at_high searched=low,high crossings",
    "TwoWay": "first second strategies thresholds cost qaly optimal border",
    "ValueBasedPrice": "assumption=alternative strategy versus threshold share_of_list_price=share "
    "share_reason=words!share packs delta_qaly net_benefit.free=free net_benefit.at_list_price=at_list "
    "net_benefit.at_price=net_benefit error?",
    # Patients and harms
    "BenefitRisk": "utilities periods q_twist trade_offs numbers_needed_to_treat=numbers_needed",
    "NumberNeeded": "strategy outcome reference share number words",
    "Periods": "strategy tox_years=tox twist_years=twist rel_years=rel utilities.tox=u_tox utilities.twist=u_twist "
    "utilities.rel=u_rel",
    "QTwist": "strategy versus gain_years=grid gain_at_model_utilities=at_model",
    "Severity": "current_care qalys_under_current_care=care absolute_shortfall=absolute "
    "proportional_shortfall=proportional weight comparisons=rows thresholds remarks",
    "WeightedRow": "strategy unweighted=plain weighted net_benefit_gained=gain "
    "weighted_net_benefit_gained=weighted_gain",
    "TradeOff": "strategy harm delta_years delta_share years_per_harm=ratio words",
    # Uncertainty
    "FollowUp": "strategy versus followed_years=followed lag_years=lag share early_log_hazard_ratio=early "
    "late_log_hazard_ratio.mean=mean late_log_hazard_ratio.sd=sd waits",
    "Importance": "factor parameters swing first total evppi=value evppi_standard_error=error pawn rbd_fast "
    "ranks.swing=swing_rank ranks.total=total_rank ranks.evppi=value_rank ranks.pawn=pawn_rank",
    "GivenData": "method runs seed resamples inputs margins",
    "Input": "name parameters source",
    "ImportanceTable": "threshold output rank_correlation.total_and_value=total_and_value "
    "rank_correlation.total_and_swing=total_and_swing rank_correlation.swing_and_value=swing_and_value "
    "rank_correlation.total_and_pawn=total_and_pawn given_data.runs=draws given_data.pawn_noise=pawn_noise rows",
    "InformationValue": "value standard_error upward_bias method",
    "Invariant": "id=rule.id draws breaches worst",
    "Plane": "strategy covariance ellipse inside_ellipse=inside quadrants",
    "Sobol": "points runs=rows resamples seed factors idle margins",
    "Source": "name parameters",
    "Statement": "converged=is_converged widest_total_half_width=widest_total sum_first unstable "
    "total_below_first=below_first points_enough=enough",
    "Summary": "quantity strategy versus threshold deterministic mean standard_error low high",
    "Wait": "years threshold events variance evsi=information normal_closed_form=closed_form "
    "net_benefit_now=expected_now probability_of_change=changes population_value=value study_cost=study "
    "losses_meanwhile=losses reversal_cost=reversal enbs=net_benefit",
    # The walk, and the verification bank
    "Parameter": "value unit price_year source page status comment cell",
    "Step": "name ids remarks",
    "Tested": "id=test.id theme=test.theme title=test.title done=test.done expected=check.expected "
    "observed=check.observed verdict=check.verdict note=check.note source=test.source",
}
"""Keys by class: `key` is the field of that name, `key=field` another, `key=low,high` both, `key?` null where empty,
`a.b` a key within a, `key=words!value` the words where there is no value."""


def encoded(thing: Any) -> Any:
    """A result as plain data; a number that is not finite is null.

    >>> from markov.analysis.incremental import incremental
    >>> encoded(incremental(["old", "new"], [0.0, 100.0], [1.0, 1.5])[1])["icer"], encoded(float("inf"))
    (200.0, None)
    """
    if isinstance(thing, Enum):
        return thing.value
    if thing is None or isinstance(thing, str | bool | int):
        return thing
    if isinstance(thing, float):
        return float(thing) if math.isfinite(thing) else None
    if isinstance(thing, np.ndarray | np.generic):
        return encoded(thing.tolist())
    if isinstance(thing, Mapping):
        return {f"{key:g}" if isinstance(key, float) else encoded(key): encoded(value) for key, value in thing.items()}
    if isinstance(thing, Sequence):
        return [encoded(part) for part in thing]
    return shaped(thing)


def shaped(thing: Any) -> Data:
    """A result of a class that has a shape, as a dictionary.

    >>> from markov.analysis.sensitivity.threshold import Crossing
    >>> shaped(Crossing(2500.0, 0.0))
    {'value': 2500.0, 'net_benefit': 0.0, 'verified': True, 'error': None}
    """
    data: Data = {}
    for told in SHAPES[type(thing).__name__].split():
        key, _, field = told.partition("=")
        optional, key = key.endswith("?"), key.removesuffix("?")
        field, _, instead = (field or key).partition("!")
        value = encoded(attrgetter(*field.split(","))(thing))
        if (optional and not value) or (instead and getattr(thing, instead) is not None):
            value = None
        outer, _, inner = key.rpartition(".")
        (data.setdefault(outer, {}) if outer else data)[inner] = value
    return data
