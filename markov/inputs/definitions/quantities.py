"""Kinds of numbers: the units that a cell may have, and the limits of what it may hold."""

from collections.abc import Mapping
from dataclasses import dataclass

from markov.terms import DAYS_PER_MONTH, DAYS_PER_YEAR, MONTHS_PER_YEAR


@dataclass(frozen=True)
class Quantity:
    """A kind of number: accepted units with the factor to the model's unit, hard limits, and usual limits.

    Inside the model times are in years, rates per year and money in the report's currency; parameters of
    curves stay in months, the unit of the papers.
    """

    units: Mapping[str, float]
    low: float = float("-inf")
    high: float = float("inf")
    usual_low: float = float("-inf")
    usual_high: float = float("inf")
    low_excluded: bool = False

    @property
    def unit(self) -> str:
        """The unit that the template writes."""
        return next(iter(self.units))


_PER_TIME = {"per month": MONTHS_PER_YEAR, "per year": 1.0, "per 28 days": DAYS_PER_YEAR / 28.0}
_TIME = {
    "months": 1.0 / MONTHS_PER_YEAR,
    "years": 1.0,
    "days": 1.0 / DAYS_PER_YEAR,
    "weeks": 7.0 / DAYS_PER_YEAR,
}
_CURVE_TIME = {"months": 1.0, "years": MONTHS_PER_YEAR, "weeks": 7.0 / DAYS_PER_MONTH, "days": 1.0 / DAYS_PER_MONTH}

YEARS = Quantity({"years": 1.0}, 0.0, 120.0)
AGE = Quantity({"years": 1.0}, 0.0, 110.0, 18.0, 95.0)
DAYS = Quantity({"days": 1.0}, 1.0, 366.0, 1.0, 91.0)
DURATION = Quantity(_TIME, 0.0, 1200.0)
PERIOD = Quantity(_TIME, 0.001, 1200.0)
PROPORTION = Quantity({"proportion": 1.0}, 0.0, 1.0)
ANNUAL_RATE = Quantity({"per year": 1.0}, 0.0, 1.0, 0.0, 0.1)
RATE = Quantity(_PER_TIME, 0.0, 1000.0)
RATIO = Quantity({"ratio": 1.0}, 0.0, 100.0, 0.05, 20.0, low_excluded=True)
TIME_RATIO = Quantity({"ratio": 1.0}, 0.001, 100.0, 0.05, 20.0)
RATIO_OR_ZERO = Quantity({"ratio": 1.0}, 0.0, 100.0)
SPM_RATE = Quantity({"per 100 patient-years": 0.01}, 0.0, 1000.0, 0.0, 20.0)
CURVE_TIME = Quantity(_CURVE_TIME, 0.001, 1e6)
CURVE_RATE = Quantity({"per month": 1.0, "per year": 1.0 / MONTHS_PER_YEAR}, 0.0, 1000.0, low_excluded=True)
CURVE_SHAPE = Quantity({"number": 1.0, "per month": 1.0, "per year": 1.0 / MONTHS_PER_YEAR}, -100.0, 100.0)
POSITIVE = Quantity({"number": 1.0}, 0.0, 1e6, low_excluded=True)
NOT_NEGATIVE = Quantity({"number": 1.0}, 0.0, 1e6)
NUMBER = Quantity({"number": 1.0}, -1e6, 1e6)
COUNT = Quantity({"count": 1.0}, 0.0, 1e6)
PACK = Quantity({"count": 1.0}, 0.001, 1e6)
LOG_TIME = Quantity({"log months": 1.0}, -20.0, 20.0)
UTILITY = Quantity({"utility": 1.0}, -1.0, 1.0, -0.6, 1.0)
DECREMENT = Quantity({"utility": 1.0}, -1.0, 0.0)
MILLIGRAM = Quantity({"mg": 1.0}, 0.001, 1e5)
DOSE = Quantity({"mg": 1.0, "mg/m2": 1.0}, 0.0, 1e5)
SURFACE = Quantity({"m2": 1.0}, 0.0, 4.0, 1.4, 2.4)
SPREAD = Quantity({"m2": 1.0}, 0.0, 2.0)
WHOLE_YEAR = Quantity({"year": 1.0}, 1990, 2100)
CORRELATION = Quantity({"number": 1.0}, -1.0, 1.0)
SEED = Quantity({"number": 1.0}, 1, 2**31)


def money(*per: str) -> Quantity:
    """Amounts in the workbook's currency: '{currency} per …'."""
    once = ("pack", "visit", "event", "course", "patient", "study", "study year", "decision")
    factors = dict.fromkeys(once, 1.0)
    rates = {"month": MONTHS_PER_YEAR, "year": 1.0, "28 days": DAYS_PER_YEAR / 28.0}
    return Quantity({f"{{currency}} per {p}": (factors | rates)[p] for p in per}, 0.0, 1e8)
