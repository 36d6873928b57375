"""Evidence that the workbook holds besides values: published figures, digitised curves, trials, choices, correlations.

The fields of a row are the headers of its sheet, and are read by them (`other_tables`).
"""

from dataclasses import dataclass

from markov.terms import Endpoint

QUANTITIES = ("survival", "at_risk", "events")
NETWORK_ENDPOINTS = (Endpoint.PFS, Endpoint.OS)


@dataclass(frozen=True, kw_only=True)
class Sourced:
    """A row with its source, and the place of its main cell with the file's name before it."""

    source: str = ""
    page: str = ""
    status: str = ""
    comment: str = ""
    place: str = ""

    @property
    def cell(self) -> str:
        """The place without the file's name."""
        return self.place.rpartition(", ")[2]


def without_place(row: object) -> dict[str, object]:
    """The fields of a row but for where it stands.

    >>> without_place(CurveChoice("a", "os", "weibull", place="a.xlsx, Curve choice!C5"))["family"]
    'weibull'
    """
    return {key: value for key, value in vars(row).items() if key not in ("cell", "place")}


@dataclass(frozen=True)
class TrialResult(Sourced):
    """A published figure that the report sets against the model's; times in months."""

    strategy: str
    endpoint: str
    measure: str
    months: float
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class CurvePoint(Sourced):
    """A click on a Kaplan–Meier curve, a number at risk, or the total of events; `months` from time zero."""

    strategy: str
    endpoint: str
    quantity: str
    months: float
    value: float


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
class TrialContrast(Sourced):
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


@dataclass(frozen=True)
class Correlation(Sourced):
    """Two sampled parameters that are not independent: correlation of their normal scores (logs of log-normals)."""

    first: str
    second: str
    value: float
