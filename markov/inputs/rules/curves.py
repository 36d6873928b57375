"""Rules for survival curves as the workbook gives them: references, splines, shapes, and numbers that no curve uses."""

from markov.inputs.definitions.schema import match
from markov.inputs.parameters import Inputs
from markov.inputs.problems import Problem
from markov.inputs.rules.one_value import Found, where
from markov.terms import FAMILY_PARAMETERS, RATIO_FAMILIES, SPLINES, Endpoint, Family

POSITIVE_SHAPES = (Family.WEIBULL, Family.LOG_LOGISTIC, Family.GAMMA)
OF_A_FAMILY = frozenset(name for names in FAMILY_PARAMETERS.values() for name in names) | {"median"}


def reference_of(inputs: Inputs, endpoint: Endpoint, strategy: str) -> str:
    """The strategy that a curve's ratio or waning refers to."""
    return inputs.text(f"{endpoint}.reference.{strategy}") or inputs.reference


def references(inputs: Inputs) -> Found:
    """Ratios and waning refer to another included strategy, never in a circle."""
    for endpoint in Endpoint:
        for s in inputs.compared:
            family = inputs.text(f"{endpoint}.family.{s}")
            if not family:
                continue
            target, wanes = reference_of(inputs, endpoint, s), inputs.given(f"{endpoint}.waning_end.{s}")
            place = where(inputs, f"{endpoint}.reference.{s}", f"{endpoint}.family.{s}")
            if (family in RATIO_FAMILIES or wanes) and target not in inputs.compared:
                remedy = f"Choose one of: {', '.join(inputs.compared)}."
                yield Problem(place, f"{endpoint}.reference.{s} is not an included strategy", target, remedy)
            elif family in RATIO_FAMILIES and s in _chain(inputs, endpoint, s):
                rule = f"the reference of {endpoint} for {s} leads back to itself"
                yield Problem(place, rule, target, "Break the circle.")
            elif wanes and target == s:
                yield Problem(place, f"the effect of {s} wanes to {s} itself", target, "Name another strategy.")
            elif wanes and inputs.given(f"{endpoint}.waning_end.{target}"):
                rule = f"{s} wanes to {target}, which itself wanes"
                yield Problem(place, rule, remedy="Wane both to the reference.")


def _chain(inputs: Inputs, endpoint: Endpoint, strategy: str) -> list[str]:
    """Strategies that a ratio curve leads through, its own left out unless it comes back."""
    chain: list[str] = []
    current = strategy
    while inputs.text(f"{endpoint}.family.{current}") in RATIO_FAMILIES:
        current = reference_of(inputs, endpoint, current)
        if current in chain:
            break
        chain.append(current)
    return chain


def splines(inputs: Inputs) -> Found:
    """A spline has a coefficient for each knot."""
    for endpoint in Endpoint:
        for s in inputs.compared:
            if inputs.text(f"{endpoint}.family.{s}") not in SPLINES or not inputs.given(f"{endpoint}.knots.{s}"):
                continue
            knots = inputs.text(f"{endpoint}.knots.{s}").split(";")
            missing = [j for j in range(2, len(knots)) if not inputs.given(f"{endpoint}.gamma{j}.{s}")]
            spare = [j for j in range(len(knots), 8) if inputs.given(f"{endpoint}.gamma{j}.{s}")]
            place = where(inputs, f"{endpoint}.knots.{s}")
            if len(knots) < 2 or missing:
                last = max(len(knots) - 1, 1)
                rule = f"{endpoint}.knots.{s} with {len(knots)} knots needs gamma0 to gamma{last}"
                yield Problem(place, rule, remedy="Add the coefficients.")
            elif spare:
                rule = f"{endpoint}.knots.{s} with {len(knots)} knots has no gamma{spare[0]}"
                yield Problem(place, rule, remedy="Add the knots, or clear the coefficients.")


def shapes(inputs: Inputs) -> Found:
    """A shape of 0 or below belongs to a Gompertz curve alone: elsewhere survival would not fall."""
    for endpoint in Endpoint:
        for s in inputs.compared:
            name, family = f"{endpoint}.shape.{s}", inputs.text(f"{endpoint}.family.{s}")
            shape = inputs.value(name)
            if family in POSITIVE_SHAPES and isinstance(shape, (int, float)) and shape <= 0.0:
                yield Problem(where(inputs, name), f"{name} must be above 0 for {family}", f"{shape:g}", "Mend it.")


def unused_numbers(inputs: Inputs) -> Found:
    """A ratio or a shape that the curve's family does not have: it may be what was meant to be used."""
    scenarios = {(change.id, str(change.value)) for change in inputs.scenarios}
    for parameter in inputs.parameters.values():
        endpoint, name, *rest = parameter.id.split(".")
        if endpoint not in tuple(Endpoint) or name not in OF_A_FAMILY or parameter.value is None or len(rest) != 1:
            continue
        key = f"{endpoint}.family.{rest[0]}"
        families = [inputs.text(key), *(value for changed, value in scenarios if changed == key)]
        if match(key) is None or not families[0] or any(_uses(family, name) for family in families):
            continue
        rule = f"{parameter.id} is not used: the family is {families[0]}"
        remedy = f"Change {key}, or clear the value."
        yield Problem(where(inputs, parameter.id), rule, parameter.value, remedy, warning=True)


def _uses(family: str, name: str) -> bool:
    if family not in tuple(Family):
        return True
    splined = family in SPLINES and (name.startswith("gamma") or name == "knots")
    median = name == "median" and family not in RATIO_FAMILIES
    return splined or median or name in FAMILY_PARAMETERS[Family(family)]
