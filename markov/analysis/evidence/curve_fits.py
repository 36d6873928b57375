"""From digitised curves to survival curves: patient records rebuilt, every family fitted, one chosen for each arm."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from markov.inputs.evidence import CurvePoint
from markov.inputs.parameters import Inputs
from markov.inputs.problems import InputError, Problem
from markov.survival.fit import Failure, Fit
from markov.survival.fitting import OWN_FAMILIES, fit_all
from markov.survival.kaplan_meier import CoxFit, KaplanMeier, LogRank, cox, kaplan_meier, log_rank
from markov.survival.reconstruction import PointError, Reconstruction, reconstruct
from markov.survival.records import Records
from markov.terms import SPLINES, Family

HALF_A_DAY = 0.5 / 30.4375  # months; stands for an event at time 0, which has no density
INTERNAL_KNOTS = (1, 2)
HAZARD_EFFECT = (Family.EXPONENTIAL, Family.GOMPERTZ, Family.SPLINE_HAZARD)
"""Families whose covariate multiplies the hazard; in the others it multiplies time."""
JOINT_FAMILIES = tuple(f for f in OWN_FAMILIES if f not in (Family.SPLINE_ODDS, Family.SPLINE_NORMAL))


@dataclass(frozen=True)
class ArmFits:
    """One arm of one endpoint: what was rebuilt and fitted, and the fit that goes into the workbook."""

    strategy: str
    endpoint: str
    points: tuple[CurvePoint, ...]
    reconstruction: Reconstruction
    records: Records
    fits: tuple[Fit | Failure, ...]
    chosen: Fit
    by_whom: str
    """Why this family: asked for, the workbook's own, or the lowest AIC."""

    @cached_property
    def kaplan_meier(self) -> KaplanMeier:
        """The curve of the rebuilt records."""
        return kaplan_meier(self.records)

    @property
    def fitted(self) -> tuple[Fit, ...]:
        """The fits that succeeded, best AIC first."""
        return _fitted(self.fits)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The families that could not be fitted, with the reason."""
        return tuple(f for f in self.fits if isinstance(f, Failure))


@dataclass(frozen=True)
class JointFits:
    """The arms of an endpoint with one shape and a treatment effect each: a fit a family, and the one chosen."""

    endpoint: str
    reference: ArmFits
    others: tuple[ArmFits, ...]
    fits: tuple[Fit | Failure, ...]
    chosen: Fit


@dataclass(frozen=True)
class Comparison:
    """Two arms' rebuilt records: Cox hazard ratio, log-rank test, and whether hazards look proportional."""

    endpoint: str
    reference: str
    strategy: str
    cox: CoxFit
    log_rank: LogRank


@dataclass(frozen=True)
class CurveFits:
    """Everything `markov fit` found."""

    inputs: Inputs
    arms: tuple[ArmFits, ...]
    comparisons: tuple[Comparison, ...]
    joint: tuple[JointFits, ...] = ()


def fit_curves(
    inputs: Inputs,
    families: Mapping[str, Family] | None = None,
    internal_knots: Sequence[int] = INTERNAL_KNOTS,
    *,
    joint: bool = False,
) -> CurveFits:
    """Rebuild records from the Kaplan–Meier sheet and fit every family to every arm.

    `families` chooses a family by endpoint; otherwise the workbook's own family stays where it can be fitted, and the
    lowest AIC stands in where it cannot. With `joint`, arms share the reference's shape and carry a treatment effect.
    Raises InputError with the cell of every point that no curve can have, or where there are no points at all.

    >>> from dataclasses import replace
    >>> clicks = [("survival", 0, 1.0), ("survival", 6, 0.8), ("survival", 12, 0.5), ("at_risk", 0, 40.0)]
    >>> points = tuple(CurvePoint("lenalidomide", "pfs", *click) for click in clicks)
    >>> arm, = fit_curves(replace(calgb, curve_points=points), {"pfs": Family.WEIBULL}, internal_knots=()).arms
    >>> arm.chosen.family.value, arm.by_whom, round(arm.chosen.median())
    ('weibull', 'asked for', 12)
    """
    groups: dict[tuple[str, str], list[CurvePoint]] = {}
    for point in inputs.curve_points:
        groups.setdefault((point.strategy, point.endpoint), []).append(point)
    if not groups:
        place, rule = f"{inputs.name}, Kaplan-Meier", "the sheet holds no digitised curve"
        raise InputError([Problem(place, rule, remedy="Add its points: strategy, endpoint, survival, months, value.")])
    rebuilt = _rebuild(groups)
    chosen = families or {}
    arms = tuple(_arm(inputs, key, groups[key], rebuilt[key], chosen, internal_knots) for key in groups)
    together = list(_by_endpoint(inputs, arms))
    return CurveFits(
        inputs,
        arms,
        tuple(_compared(reference, other) for reference, *others in together for other in others),
        tuple(_joint(of_endpoint, internal_knots) for of_endpoint in together) if joint else (),
    )


def _rebuild(groups: Mapping[tuple[str, str], Sequence[CurvePoint]]) -> dict[tuple[str, str], Reconstruction]:
    """Records of every arm, or every problem at once."""
    found: dict[tuple[str, str], Reconstruction] = {}
    problems: list[Problem] = []
    for key, points in groups.items():
        try:
            found[key] = _rebuild_arm(points)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def _rebuild_arm(points: Sequence[CurvePoint]) -> Reconstruction:
    """Patient records of one arm from its points, numbers at risk and total of events.

    Raises InputError with the cell of what no curve can have.
    """
    clicks, numbers, totals = ([p for p in points if p.quantity == q] for q in ("survival", "at_risk", "events"))
    first = points[0]
    what = f"{first.endpoint} of {first.strategy}"
    problems = list(_missing(what, first, clicks, numbers, totals))
    if problems:
        raise InputError(problems)
    try:
        return reconstruct(
            [p.months for p in clicks],
            [p.value for p in clicks],
            [p.months for p in numbers],
            [p.value for p in numbers],
            int(totals[0].value) if totals else None,
        )
    except PointError as error:
        rows = totals if error.kind.startswith("total") else clicks if "point" in error.kind else numbers
        row = rows[max(error.position - 1, 0)]
        raise InputError([Problem(row.place, f"{what}, {error}".rstrip("."))]) from error


def _missing(
    what: str,
    first: CurvePoint,
    clicks: Sequence[CurvePoint],
    numbers: Sequence[CurvePoint],
    totals: Sequence[CurvePoint],
) -> Iterator[Problem]:
    if len(clicks) < 2:
        yield Problem(first.place, f"{what} needs at least two points of its curve", remedy="Add survival rows.")
    if not numbers:
        rule = f"{what} has no number of patients"
        yield Problem(first.place, rule, remedy="Add a row at_risk at month 0 with the patients of the arm.")
    if len(totals) > 1:
        yield Problem(totals[1].place, f"{what} has two totals of events", remedy="Keep one row of events.")
    if totals and totals[0].value != int(totals[0].value):
        yield Problem(totals[0].place, f"{what}: events are whole numbers", totals[0].value, "Copy the printed number.")


def _arm(
    inputs: Inputs,
    key: tuple[str, str],
    points: Sequence[CurvePoint],
    rebuilt: Reconstruction,
    families: Mapping[str, Family],
    internal_knots: Sequence[int],
) -> ArmFits:
    strategy, endpoint = key
    records = Records(np.maximum(rebuilt.times, HALF_A_DAY), rebuilt.events)
    fits = fit_all(records, internal_knots=internal_knots)
    chosen, why = _choose(inputs, key, fits, families.get(endpoint))
    return ArmFits(strategy, endpoint, tuple(points), rebuilt, records, fits, chosen, why)


def _fitted(fits: Sequence[Fit | Failure]) -> tuple[Fit, ...]:
    return tuple(sorted((f for f in fits if isinstance(f, Fit)), key=lambda f: f.aic))


def _choose(
    inputs: Inputs, key: tuple[str, str], fits: Sequence[Fit | Failure], asked: Family | None
) -> tuple[Fit, str]:
    strategy, endpoint = key
    good = _fitted(fits)
    if not good:
        reasons = "; ".join(f"{f.family}: {f.reason}" for f in fits if isinstance(f, Failure))
        raise InputError([Problem(inputs.name, f"no family could be fitted to {endpoint} of {strategy} ({reasons})")])
    own = inputs.text(f"{endpoint}.family.{strategy}")
    for family, why in ((asked, "asked for"), (own, "the workbook's own family")):
        of_family = [f for f in good if f.family == family]
        if of_family:
            return of_family[0], why
        failed = [f for f in fits if isinstance(f, Failure) and f.family == family]
        if asked is not None and family is asked and failed:
            rule = f"{asked} cannot be fitted to {endpoint} of {strategy} ({failed[0].reason})"
            raise InputError([Problem(inputs.name, rule, remedy="Choose another family.")])
    return good[0], "lowest AIC, for want of a choice"


def _by_endpoint(inputs: Inputs, arms: Sequence[ArmFits]) -> Iterator[list[ArmFits]]:
    """The arms of each endpoint that has several, the reference's first; as they come where it has none."""
    for endpoint in dict.fromkeys(arm.endpoint for arm in arms):
        of_endpoint = [arm for arm in arms if arm.endpoint == endpoint]
        if len(of_endpoint) > 1:
            yield sorted(of_endpoint, key=lambda arm: arm.strategy != inputs.reference)


def _together(arms: Sequence[ArmFits]) -> Records:
    """Records of several arms, with a covariate of 0 and 1 for each but the first."""
    times, events = (np.concatenate([getattr(arm.records, name) for arm in arms]) for name in ("times", "events"))
    member = np.repeat(np.arange(len(arms)), [len(arm.records.times) for arm in arms])
    covariates = {arm.strategy: (member == i).astype(float) for i, arm in enumerate(arms) if i}
    return Records(times, events, covariates=covariates)


def _compared(reference: ArmFits, other: ArmFits) -> Comparison:
    records = _together((reference, other))
    treated = records.covariates[other.strategy]
    return Comparison(
        other.endpoint, reference.strategy, other.strategy, cox(records, treated), log_rank(records, treated)
    )


def _joint(arms: Sequence[ArmFits], internal_knots: Sequence[int]) -> JointFits:
    reference, *others = arms
    fits = fit_all(_together(arms), JOINT_FAMILIES, internal_knots)
    good = _fitted(fits)
    if not good:
        raise InputError([Problem("Kaplan-Meier", f"no family could be fitted to all arms of {reference.endpoint}")])
    chosen = next((f for f in good if f.family is reference.chosen.family), good[0])
    return JointFits(reference.endpoint, reference, tuple(others), fits, chosen)


def treatment_effect(fit: Fit, strategy: str) -> tuple[Family, float, float]:
    """Kind of ratio, its logarithm and standard error, of a joint fit: a hazard ratio or a time ratio.

    A covariate on a gamma's rate speeds time up; on a scale or location it stretches it.

    >>> records = Records([2.0, 3.0, 5.0, 4.0, 6.0, 9.0], [1, 1, 0, 1, 1, 1], covariates={"new": [0, 0, 0, 1, 1, 1]})
    >>> from markov.survival.fitting import fit_family
    >>> kind, logarithm, _ = treatment_effect(fit_family(records, Family.EXPONENTIAL), "new")
    >>> kind, round(float(np.exp(logarithm)), 4)  # 3 events in 19 months against 2 in 10
    (<Family.HAZARD_RATIO: 'hazard_ratio'>, 0.7895)
    """
    place = fit.names.index(strategy)
    estimate, error = float(fit.estimates[place]), float(fit.standard_errors[place])
    if fit.family in HAZARD_EFFECT:
        return Family.HAZARD_RATIO, estimate, error
    return Family.TIME_RATIO, -estimate if fit.family is Family.GAMMA else estimate, error


def describe(fit: Fit) -> str:
    """A family in words, with its number of internal knots where it has any.

    >>> from markov.survival.fitting import fit_family
    >>> describe(fit_family(Records([2.0, 3.0, 5.0, 4.0], [1, 1, 0, 1]), Family.LOG_NORMAL))
    'log normal'
    """
    name = fit.family.value.replace("_", " ")
    if fit.family not in SPLINES or fit.knots is None:
        return name
    inside = len(fit.knots) - 2
    return f"{name}, {inside} internal knot{'s' * (inside != 1)}"
