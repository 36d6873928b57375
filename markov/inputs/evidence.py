"""Evidence that the workbook holds besides values: digitised curves, trials of a network, choices, correlations."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from markov.inputs.cells import EMPTY, RawCell, Row, number
from markov.inputs.problems import Problem
from markov.terms import Endpoint, Status

QUANTITIES = ("survival", "at_risk", "events")
NETWORK_ENDPOINTS = (Endpoint.PFS, Endpoint.OS)


@dataclass(frozen=True)
class CurvePoint:
    """A click on a Kaplan–Meier curve, a number at risk, or the total of events; `months` from time zero."""

    strategy: str
    endpoint: str
    quantity: str
    months: float
    value: float
    source: str = ""
    page: str = ""
    status: str = ""
    comment: str = ""
    place: str = ""


@dataclass(frozen=True)
class CurveChoice:
    """Why a fitted curve was chosen: the five things a reviewer looks for."""

    strategy: str
    endpoint: str
    family: str
    fit: str = ""
    hazard: str = ""
    plausibility: str = ""
    other_evidence: str = ""
    rationale: str = ""
    place: str = ""


@dataclass(frozen=True)
class TrialContrast:
    """A trial's hazard ratio of a treatment against its comparator, with what says how sure it is."""

    endpoint: str
    trial: str
    treatment: str
    comparator: str
    hazard_ratio: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    events: float | None = None
    included: bool = True
    source: str = ""
    page: str = ""
    status: str = ""
    comment: str = ""
    place: str = ""


@dataclass(frozen=True)
class Correlation:
    """Two sampled parameters that are not independent: correlation of their normal scores (logs of log-normals)."""

    first: str
    second: str
    value: float
    source: str = ""
    page: str = ""
    status: str = ""
    comment: str = ""
    place: str = ""


SOURCE = ("source", "page", "status", "comment")


def curve_points(rows: tuple[Row, ...], labels: Collection[str], problems: list[Problem]) -> Iterator[CurvePoint]:
    """The rows of the Kaplan–Meier sheet; what cannot be read becomes a problem with its cell."""
    for row in rows:
        known = (
            _one_of(row["strategy"], labels, "strategy", problems)
            and _one_of(row["endpoint"], tuple(Endpoint), "endpoint", problems)
            and _one_of(row["quantity"], QUANTITIES, "quantity", problems)
        )
        quantity = row["quantity"].text()
        value = _needed(row["value"], f"the {quantity.replace('_', ' ')}", problems)
        months = 0.0 if quantity == "events" and row["months"].is_empty else _needed(row["months"], "months", problems)
        if known and value is not None and months is not None:
            strategy, endpoint, place = row["strategy"].text(), row["endpoint"].text(), row["value"].place
            yield CurvePoint(strategy, endpoint, quantity, months, value, **_source(row, problems), place=place)


def curve_choices(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[CurveChoice]:
    """The rows of the sheet on curve choice; an empty rationale is a warning."""
    headers = ("strategy", "endpoint", "family", "fit", "hazard", "plausibility", "other evidence", "rationale")
    for row in rows:
        choice = CurveChoice(*(row.get(header, EMPTY).text() for header in headers))
        choice = replace(choice, place=row["family"].place)
        if not choice.rationale:
            rule = f"the choice of a curve for {choice.endpoint} of {choice.strategy} has no rationale"
            remedy = "Say why, beyond AIC and BIC: hazard, plausibility, other evidence."
            problems.append(Problem(row["rationale"].place, rule, remedy=remedy, warning=True))
        yield choice


def network(rows: tuple[Row, ...], problems: list[Problem]) -> Iterator[TrialContrast]:
    """The rows of the evidence network; each needs a hazard ratio and something that says how sure it is."""
    for row in rows:
        known = _one_of(row["endpoint"], NETWORK_ENDPOINTS, "endpoint", problems)
        known = _one_of(row["included"], ("yes", "no"), "included", problems) and known
        trial, treatment, comparator = (row[key].text() for key in ("trial", "treatment", "comparator"))
        what = f"{row['endpoint'].text()} of {trial}"
        ratio = _needed(row["hazard ratio"], f"the hazard ratio of {what}", problems)
        keys = ("low", "high", "p value", "events")
        low, high, p_value, events = (number(row.get(key, EMPTY), f"{key} of {what}", problems) for key in keys)
        if known and ratio is not None:
            contrast = TrialContrast(
                row["endpoint"].text(),
                trial,
                treatment,
                comparator,
                ratio,
                low,
                high,
                p_value,
                events,
                row["included"].text() == "yes",
                **_source(row, problems),
                place=row["hazard ratio"].place,
            )
            problems += _contrast_problems(contrast, row)
            yield contrast


def _contrast_problems(contrast: TrialContrast, row: Row) -> Iterator[Problem]:
    place, what = contrast.place, f"{contrast.endpoint} of {contrast.trial}"
    if not (contrast.trial and contrast.treatment and contrast.comparator):
        yield Problem(row["trial"].place, "a row names its trial, treatment and comparator", remedy="Fill all three.")
    elif contrast.treatment == contrast.comparator:
        rule = f"{what} compares {contrast.treatment} with itself"
        yield Problem(row["treatment"].place, rule, remedy="Name the other arm as the comparator.")
    if contrast.hazard_ratio <= 0:
        yield Problem(place, f"the hazard ratio of {what} is above 0", contrast.hazard_ratio, "Write the ratio itself.")
    low, high = contrast.low, contrast.high
    if (low is None) != (high is None):
        yield Problem(place, f"{what} has one limit of its interval", remedy="Fill both limits, or neither.")
    elif low is not None and high is not None and not 0 < low < contrast.hazard_ratio < high:
        found = f"{low:g} to {high:g}"
        yield Problem(place, f"the interval of {what} holds {contrast.hazard_ratio:g}", found, "Mend the limits.")
    if low is None and contrast.p_value is None and contrast.events is None:
        rule = f"nothing says how sure the hazard ratio of {what} is"
        yield Problem(place, rule, remedy="Fill the interval, the P value or the number of events.")
    if contrast.p_value is not None and not 0 < contrast.p_value < 1:
        yield Problem(place, f"the P value of {what} lies between 0 and 1", contrast.p_value, "Write 0.04, not 4 %.")
    if contrast.events is not None and contrast.events <= 0:
        yield Problem(place, f"the events of {what} are above 0", contrast.events, "Write the number of both arms.")


def correlations(
    rows: tuple[Row, ...], parameters: Mapping[str, object], problems: list[Problem]
) -> Iterator[Correlation]:
    """The rows of the Correlations sheet: two different ids of the workbook and a number between −1 and 1."""
    seen: dict[frozenset[str], str] = {}
    for row in rows:
        first, second = row["first"].text(), row["second"].text()
        for key, identifier in (("first", first), ("second", second)):
            if identifier not in parameters:
                rule = "a correlation names parameters of this workbook"
                problems.append(Problem(row[key].place, rule, identifier, "Copy the id from its row."))
        value = _needed(row["correlation"], f"the correlation of {first} and {second}", problems)
        if value is None:
            continue
        cell, pair = row["correlation"], frozenset((first, second))
        if not -1 <= value <= 1:
            problems.append(Problem(cell.place, "a correlation lies between −1 and 1", value, "Mend it."))
        elif first == second:
            problems.append(Problem(cell.place, f"{first} is paired with itself", remedy="Name another parameter."))
        elif pair in seen:
            rule = f"{first} and {second} are already paired at {seen[pair]}"
            problems.append(Problem(cell.place, rule, remedy="Keep one of the two rows."))
        else:
            seen[pair] = cell.address
            yield Correlation(first, second, value, **_source(row, problems), place=cell.place)


def _needed(cell: RawCell, what: str, problems: list[Problem]) -> float | None:
    if cell.is_empty:
        problems.append(Problem(cell.place, f"{what} is empty", remedy="Fill it, or clear the row."))
        return None
    return number(cell, what, problems)


def _one_of(cell: RawCell, options: Collection[str], what: str, problems: list[Problem]) -> bool:
    if cell.text() in options:
        return True
    problems.append(Problem(cell.place, f"unknown {what}", cell.text(), f"Write one of: {', '.join(options)}."))
    return False


def _source(row: Row, problems: list[Problem]) -> dict[str, str]:
    """Where a row is from; a status that is none is a problem."""
    found = {key: row.get(key, EMPTY).text() for key in SOURCE}
    if found["status"] and found["status"] not in tuple(Status):
        remedy = f"Write one of: {', '.join(Status)}."
        problems.append(Problem(row["status"].place, "unknown evidence status", found["status"], remedy))
    return found
