"""Every parameter once: the pattern of its id, its sheet, what it means, its units, limits, choices and default."""

from markov.inputs.definitions.cohort import COHORT
from markov.inputs.definitions.costs import COSTS, DRUGS, SUBSEQUENT
from markov.inputs.definitions.definition import Definition
from markov.inputs.definitions.events import ADVERSE_EVENTS, EVENTS
from markov.inputs.definitions.settings import SETTINGS
from markov.inputs.definitions.sheets import Sheet
from markov.inputs.definitions.survival import SURVIVAL
from markov.inputs.definitions.utilities import UTILITIES

STRATEGY_INCLUDED = Definition(
    "strategy.included.{strategy}", Sheet.STRATEGIES, "{strategy} is compared", None, ("yes", "no"), "yes"
)

DEFINITIONS: tuple[Definition, ...] = (
    *SETTINGS,
    STRATEGY_INCLUDED,
    *COHORT,
    *SURVIVAL,
    *EVENTS,
    *ADVERSE_EVENTS,
    *DRUGS,
    *COSTS,
    *SUBSEQUENT,
    *UTILITIES,
)
