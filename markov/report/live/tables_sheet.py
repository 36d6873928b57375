"""The Live tables sheet: the general population by age and sex, the price index, and the nodes of an integral."""

from dataclasses import dataclass, field

import numpy as np
from scipy import special

from markov.inputs.parameters import Inputs
from markov.report.live.formulas import Term
from markov.terms import Array

NAME = "Live tables"
FIRST = 7  # Excel row of the first line
NODES = 24  # of the integral over a gamma distribution's tail: right to 1e-12 below a survival of 0.01
VIALS = 100  # most vials that a dose may open


@dataclass(frozen=True)
class TableColumn:
    """A column: header, the name of its range, numbers to type, or a formula with its values."""

    header: str
    name: str
    values: Array
    formula: str = ""
    is_input: bool = False


@dataclass
class Tables:
    """Columns in their order, and a term for each range."""

    columns: list[TableColumn] = field(default_factory=list)

    def add(self, header: str, name: str, values: Array, *, formula: str = "", is_input: bool = False) -> None:
        """Put a column at the right; `formula` marks its own row and the one above with {row} and {above}."""
        self.columns.append(TableColumn(header, name, np.asarray(values, dtype=float), formula, is_input))

    def of(self, name: str) -> Term:
        """A range by its name."""
        return Term(name, next(c.values for c in self.columns if c.name == name))


def live_tables(inputs: Inputs) -> Tables:
    """Life table with its hazards, population utilities, price index, integration nodes and whole numbers."""
    tables, life, norms = Tables(), inputs.life_table, inputs.population_utility
    tables.add("Age", "life.age", life.ages, is_input=True)
    for sex, chances in (("women", life.female), ("men", life.male)):
        tables.add(f"Annual probability of death, {sex}", f"life.probability.{sex}", chances, is_input=True)
    for sex, letter, chances in (("women", "B", life.female), ("men", "C", life.male)):
        hazards = -np.log1p(-chances)
        tables.add(f"Hazard, {sex}: −ln(1 − q)", f"life.hazard.{sex}", hazards, formula=f"-LN(1-{letter}{{row}})")
    for sex, letter in (("women", "D"), ("men", "E")):
        hazards = tables.of(f"life.hazard.{sex}").value
        before = np.concatenate([[0.0], np.cumsum(hazards)[:-1]])
        formula = f"SUM({letter}${FIRST - 1}:{letter}{{above}})"
        tables.add(f"Hazard before that age, {sex}", f"life.before.{sex}", before, formula=formula)
    again = [*norms.ages, norms.ages[-1] + 1.0]  # the last norm holds beyond the table
    tables.add("Age", "norm.age", np.array(again), is_input=True)
    for sex, values in (("women", norms.female), ("men", norms.male)):
        column = np.array([*values, values[-1]])
        tables.add(f"Mean utility, {sex}", f"norm.utility.{sex}", column, is_input=True)
    if inputs.price_index:
        tables.add("Price year", "price_index.year", np.array(list(inputs.price_index)), is_input=True)
        tables.add("Price index", "price_index.level", np.array(list(inputs.price_index.values())), is_input=True)
    nodes, weights = special.roots_laguerre(NODES)
    tables.add("Nodes of Gauss and Laguerre", "method.node", nodes)
    tables.add("Their weights", "method.weight", weights)
    tables.add("Whole numbers", "method.count", np.arange(float(VIALS)))
    return tables
