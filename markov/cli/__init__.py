"""The command line. Exit codes: 0 done, 1 a check failed, 2 bad input, 3 not written."""

import atexit
import gc
import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from markov.cli import batch, evidence, run, uncertainty, verify, walk, workbooks
from markov.cli.shared import BAD_INPUT, INTERRUPTED, NOT_WRITTEN, stop

if TYPE_CHECKING:
    from markov.inputs.problems import Problem

app = typer.Typer(
    help="Cost-effectiveness of maintenance therapy in multiple myeloma: an Excel workbook in, an Excel report out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    run.run,
    verify.verify,
    workbooks.check,
    workbooks.parameters,
    workbooks.scenarios,
    workbooks.new,
    workbooks.diff,
    workbooks.upgrade,
    walk.walk,
    evidence.fit,
    evidence.calibrate,
    evidence.network,
    uncertainty.psa,
    uncertainty.sobol,
    uncertainty.voi,
    batch.batch,
)
for command in COMMANDS:
    app.command()(command)
atexit.register(gc.freeze)  # nothing is searched for cycles while the program ends: a tenth of a second


def _explain(problems: "tuple[Problem, ...]") -> str:
    errors = [p for p in problems if not p.warning]
    count = f"{len(errors)} problem{'s' if len(errors) != 1 else ''} found; nothing was written."
    return "\n".join([*(str(p) for p in errors), count])


def main(arguments: list[str] | None = None) -> Any:
    """Run a command and leave with its exit code; what goes wrong is said in words, never as a traceback."""
    command: Callable[..., Any] = typer.main.get_command(app)
    from markov.excel.files import PROTECTED
    from markov.inputs.problems import InputError

    PROTECTED.clear()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a sign that a terminal lacks is no reason to stop
    try:
        command(args=arguments, prog_name="markov", standalone_mode=True)
    except InputError as error:
        stop(BAD_INPUT, _explain(error.problems))
    except KeyboardInterrupt:
        stop(INTERRUPTED, "Interrupted; nothing was left half written.")
    except MemoryError:
        stop(NOT_WRITTEN, "There is not enough memory for this run; nothing was left half written. Ask for fewer runs.")
    except OSError as error:
        stop(NOT_WRITTEN, str(error))
