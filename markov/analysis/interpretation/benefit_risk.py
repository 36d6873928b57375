"""Benefit and risk: quality-adjusted time without symptoms or toxicity, and what is gained for each harm.

Q-TWiST divides life into time with severe toxicity before progression (TOX), the rest of the time before progression
(TWiST), and the rest of life (REL), each with a utility; TWiST counts in full. TOX is the expected time with grade 3
or 4 events: their shares times their days, and, where they persist in those who stopped, the time until progression.
Time with a second malignancy is REL. All times are undiscounted, and within the horizon of the model; published
analyses stop at the follow-up of the trial.

Source: Gelber, Goldhirsch, Cole 1993, Cancer Treat Rev 19:73; Glasziou, Simes, Gelber 1990, Stat Med 9:1259.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from markov.inputs.parameters import Inputs
from markov.model.evaluate import evaluate
from markov.model.outcomes import LANDMARK_YEARS, Outcomes
from markov.terms import DAYS_PER_YEAR, LIVING, MALIGNANCIES, Array, QalyComponent, State

UTILITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
PROGRESSION_FREE = (State.MAINTENANCE, State.TOXICITY)
SHOWN_YEARS = (3.0, 5.0)
FEWEST = 0.5e-6  # a difference in shares or years below this is none: no trial sees one in a million


@dataclass(frozen=True)
class Periods:
    """A strategy's expected years: TOX from events and from those that persist, TWiST, REL; they sum to life-years.

    `u_tox`, `u_twist`, `u_rel` are the model's own mean utilities in them, age adjustment and the decrement while on
    treatment included: time by utility sums to the model's undiscounted QALYs.
    """

    strategy: str
    label: str
    tox_events: float
    tox_persistent: float
    twist: float
    rel: float
    u_tox: float
    u_twist: float
    u_rel: float

    @property
    def tox(self) -> float:
        """Years with severe toxicity before progression."""
        return self.tox_events + self.tox_persistent

    @property
    def progression_free(self) -> float:
        """Years without progression and without a second malignancy."""
        return self.tox + self.twist

    @property
    def life_years(self) -> float:
        """Years alive."""
        return self.progression_free + self.rel

    @property
    def relative(self) -> tuple[float, float] | None:
        """The model's utilities of TOX and REL where that of TWiST is 1: its place in the grid; None where it is 0."""
        return (self.u_tox / self.u_twist, self.u_rel / self.u_twist) if self.u_twist else None

    @property
    def qalys(self) -> float:
        """Undiscounted QALYs: the three periods at the model's own utilities."""
        return self.u_tox * self.tox + self.u_twist * self.twist + self.u_rel * self.rel

    def q_twist(self, u_tox: float, u_rel: float) -> float:
        """Q-TWiST = TWiST + u_tox·TOX + u_rel·REL, in years."""
        return self.twist + u_tox * self.tox + u_rel * self.rel


@dataclass(frozen=True)
class QTwist:
    """A strategy's gain in Q-TWiST over the reference: a grid of utilities, and the model's own.

    `grid[i][j]` is the gain in years at the i-th utility of TOX and the j-th of REL in `UTILITIES`; `at_model` that at
    each strategy's own utilities, in undiscounted QALYs. `relative` is the gain in the grid over the reference's
    life-years: 10 % is held to be clinically important (Revicki, Feeny, Hunt, Cole 2006, Qual Life Res 15:411).
    """

    strategy: str
    label: str
    versus: str
    delta_tox: float
    delta_twist: float
    delta_rel: float
    grid: tuple[tuple[float, ...], ...]
    relative: tuple[tuple[float, ...], ...]
    at_model: float

    def break_even(self, u_tox: float) -> float | None:
        """Utility of REL at which nothing is gained or lost, at a utility of TOX; it may lie outside 0 to 1.

        None where time in REL is the same.
        """
        if abs(self.delta_rel) < FEWEST:
            return None
        return -(self.delta_twist + u_tox * self.delta_tox) / self.delta_rel


@dataclass(frozen=True)
class TradeOff:
    """Years free of progression gained for each additional patient who suffers a harm.

    `ratio` is Δyears/Δshare where more benefit costs more harm, or less benefit saves harm; None where it cannot be
    read so, and `words` says why.
    """

    strategy: str
    label: str
    versus: str
    harm: str
    delta_years: float
    delta_share: float
    ratio: float | None
    words: str


@dataclass(frozen=True)
class NumberNeeded:
    """A share of patients under both strategies, and how many must be treated for one more or one fewer.

    `number` = 1/|difference|, None where there is none. `is_benefit` tells what one wants from what one does not.
    """

    strategy: str
    label: str
    versus: str
    outcome: str
    is_benefit: bool
    reference: float
    share: float
    number: float | None
    words: str

    @property
    def difference(self) -> float:
        """Share under the strategy less that under the reference."""
        return self.share - self.reference


@dataclass(frozen=True)
class BenefitRisk:
    """Everything on one page: periods of every strategy, gains in Q-TWiST, trade-offs and numbers needed to treat."""

    reference: str
    utilities: tuple[float, ...]
    periods: tuple[Periods, ...]
    q_twist: tuple[QTwist, ...]
    trade_offs: tuple[TradeOff, ...]
    numbers_needed: tuple[NumberNeeded, ...]


def benefit_risk(inputs: Inputs) -> BenefitRisk:
    """Q-TWiST, years gained per harm and numbers needed to treat, every strategy against the reference.

    >>> from markov.inputs.writing.template import shipped
    >>> from markov.inputs.workbook import read_inputs
    >>> result = benefit_risk(read_inputs(shipped("calgb_100104")))
    >>> [trade_off.harm for trade_off in result.trade_offs]
    ['stop for toxicity', 'second malignancy']
    >>> result.q_twist[0].grid[4][4] > result.q_twist[0].grid[4][0]  # longer life counts more, the better REL is
    True
    """
    outcomes = evaluate(inputs, _event_days(inputs))
    periods = tuple(_periods(inputs, outcomes, i) for i in range(len(outcomes.strategies)))
    others = range(1, len(outcomes.strategies))
    return BenefitRisk(
        inputs.reference,
        UTILITIES,
        periods,
        tuple(_q_twist(periods[i], periods[0]) for i in others),
        tuple(found for i in others for found in _trade_offs(inputs, outcomes, i)),
        tuple(found for i in others for found in _numbers_needed(inputs, outcomes, i)),
    )


# ----------------------------------------------------------------------------------------------------- Q-TWiST


def _event_days(inputs: Inputs) -> Mapping[str, Array]:
    """Two rows: the base case, and one in which an adverse event costs the years that it lasts.

    The second one's cost of adverse events is the time with them, of those who start, whenever they start.
    """
    found = {}
    for event in inputs.names("event"):
        key = f"adverse_event.cost.{event}"
        years = inputs.number(f"adverse_event.days.{event}") / DAYS_PER_YEAR
        found[key] = np.array([inputs.number(key), years]) / inputs.factor(key)
    return found


def _periods(inputs: Inputs, outcomes: Outcomes, i: int) -> Periods:
    strategy = outcomes.strategies[i]
    years = dict(zip(LIVING, outcomes.life_years[0, i, 0].tolist(), strict=True))
    qalys = dict(zip(LIVING, outcomes.qalys[0, i, 0].tolist(), strict=True))
    free = sum(years[state] for state in PROGRESSION_FREE)
    rest = sum(years.values()) - free
    events = float(outcomes.part("costs", "adverse_events", "undiscounted")[-1, i]) if outcomes.runs > 1 else 0.0
    lasting = sum(inputs.number(f"adverse_event.persistent_share.{e}.{strategy}") for e in inputs.names("event"))
    tox = events + lasting * years[State.TOXICITY]
    parts = (QalyComponent.ADVERSE_EVENTS, QalyComponent.PERSISTENT_EFFECTS)
    loss = sum(float(outcomes.part("qaly_components", part, "undiscounted")[0, i]) for part in parts)
    quality = sum(qalys[state] for state in PROGRESSION_FREE)
    u_twist = (quality - loss) / free if free else 0.0
    u_tox = u_twist + (loss / tox if tox else 0.0)
    u_rel = (sum(qalys.values()) - quality) / rest if rest else 0.0
    return Periods(strategy, inputs.labels[strategy], events, tox - events, free - tox, rest, u_tox, u_twist, u_rel)


def _q_twist(own: Periods, reference: Periods) -> QTwist:
    grid = [[own.q_twist(t, r) - reference.q_twist(t, r) for r in UTILITIES] for t in UTILITIES]
    return QTwist(
        own.strategy,
        own.label,
        reference.strategy,
        own.tox - reference.tox,
        own.twist - reference.twist,
        own.rel - reference.rel,
        tuple(tuple(row) for row in grid),
        tuple(tuple(gained / reference.life_years for gained in row) for row in grid),
        own.qalys - reference.qalys,
    )


# ----------------------------------------------------------------------------------------- benefit for harm


def _harms(outcomes: Outcomes) -> dict[str, Array]:
    """Shares of the cohort that ever suffer each harm within the horizon, (strategies,)."""
    malignancies = sum((outcomes.entered(state)[0] for state in MALIGNANCIES), np.zeros(len(outcomes.strategies)))
    return {"stop for toxicity": outcomes.entered(State.TOXICITY)[0], "second malignancy": malignancies}


def _trade_offs(inputs: Inputs, outcomes: Outcomes, i: int) -> Iterator[TradeOff]:
    free = outcomes.curves["pfs_net_of_spm"].mean[0]
    strategy, years = outcomes.strategies[i], float(free[i] - free[0])
    for harm, shares in _harms(outcomes).items():
        share = float(shares[i] - shares[0])
        ratio, words = trade_off(years, share, harm)
        yield TradeOff(strategy, inputs.labels[strategy], inputs.reference, harm, years, share, ratio, words)


def trade_off(years: float, share: float, harm: str) -> tuple[float | None, str]:
    """Years without progression per additional harm, where that can be read, and the sentence that says so.

    Δyears/Δshare where both have one sign, None elsewhere, as for an ICER.

    >>> trade_off(2.0, 0.25, "stop for toxicity")
    (8.0, '8.0 years without progression gained for each additional stop for toxicity')
    >>> trade_off(-0.5, -0.25, "stop for toxicity")
    (2.0, '2.0 years without progression lost for each stop for toxicity avoided')
    >>> trade_off(2.0, 0.0, "second malignancy")
    (None, '2.00 years without progression gained, without an additional second malignancy')
    >>> trade_off(-0.5, 0.1, "second malignancy")
    (None, '0.50 years without progression lost, with more of this harm: 10.0 per 100 patients')
    """
    benefit, risk = _sign(years), _sign(share)
    if benefit == risk != 0:
        ratio = years / share
        per = f"for each additional {harm}" if risk > 0 else f"for each {harm} avoided"
        return ratio, f"{ratio:.1f} years without progression {'gained' if benefit > 0 else 'lost'} {per}"
    gained = {1: f"{years:.2f} years without progression gained", -1: f"{-years:.2f} years without progression lost"}
    first = gained.get(benefit, "no difference in years without progression")
    if risk == 0:
        return None, f"{first}, without an additional {harm}"
    more = "more" if risk > 0 else "less"
    return None, f"{first}, with {more} of this harm: {100.0 * abs(share):.1f} per 100 patients"


def _sign(difference: float) -> int:
    return 0 if abs(difference) < FEWEST else int(np.sign(difference))


def _numbers_needed(inputs: Inputs, outcomes: Outcomes, i: int) -> Iterator[NumberNeeded]:
    strategy = outcomes.strategies[i]
    names = {"pfs_net_of_spm": "without progression", "os": "alive"}
    shares = [
        (f"{words} at {years:g} years", True, outcomes.curves[curve].landmarks[0, :, LANDMARK_YEARS.index(years)])
        for curve, words in names.items()
        for years in SHOWN_YEARS
    ]
    shares += [(f"with a {harm}", False, found) for harm, found in _harms(outcomes).items()]
    for outcome, is_benefit, found in shares:
        if np.isfinite(found).all():  # a landmark beyond the horizon has no share
            reference, own = float(found[0]), float(found[i])
            number, words = number_needed(own - reference, outcome)
            label = inputs.labels[strategy]
            yield NumberNeeded(strategy, label, inputs.reference, outcome, is_benefit, reference, own, number, words)


def number_needed(difference: float, outcome: str) -> tuple[float | None, str]:
    """How many must be treated for one patient more, or one fewer, with an outcome: 1/|difference in shares|.

    Source: Laupacis, Sackett, Roberts 1988, N Engl J Med 318:1728.

    >>> number_needed(0.25, "alive at 5 years")
    (4.0, 'one more alive at 5 years for every 4.0 treated')
    >>> number_needed(-0.02, "with a second malignancy")
    (50.0, 'one fewer with a second malignancy for every 50.0 treated')
    >>> number_needed(0.0, "alive at 5 years")
    (None, 'no difference in the number alive at 5 years')
    """
    sign = _sign(difference)
    if sign == 0:
        return None, f"no difference in the number {outcome}"
    number = 1.0 / abs(difference)
    return number, f"one {'more' if sign > 0 else 'fewer'} {outcome} for every {number:.1f} treated"
