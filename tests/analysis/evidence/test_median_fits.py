"""Curves from medians and a hazard ratio: the shape by algebra, errors by formula, and what is missing by its place."""

from dataclasses import replace
from math import hypot, log
from pathlib import Path

import numpy as np
import pytest

from markov.analysis.evidence.median_fits import fit_medians
from markov.inputs.definitions.schema import Sheet
from markov.inputs.evidence import CurvePoint, TrialContrast
from markov.inputs.parameters import Inputs, with_values
from markov.inputs.problems import InputError
from markov.inputs.workbook import read_inputs, read_sheets
from markov.inputs.writing.change_rows import regenerate, with_table_rows
from markov.inputs.writing.template import shipped
from tests.support.command import markov

# Holstein, Lancet Haematology 2017, CALGB 100104 at 91 months: medians 57.3 and 28.9 months, hazard ratio 0.57.
RATIO = TrialContrast("pfs", "CALGB", "lenalidomide", "no_maintenance", 0.57, 0.46, 0.71, status="read", place="b!E5")


def test_the_shape_is_that_of_the_medians_and_the_ratio(calgb: Inputs) -> None:
    fit = fit_medians(replace(calgb, network=(RATIO,)), "pfs")
    assert fit.shape.value == pytest.approx(-log(0.57) / log(57.3 / 28.9), rel=1e-12)
    ratio_error = log(0.71 / 0.46) / (2 * 1.959964) / log(0.57)
    medians = [(log(73.3 / 44.2) / (2 * 1.959964)), (log(36.3 / 23.0) / (2 * 1.959964))]
    medians_error = hypot(*medians) / log(57.3 / 28.9)
    assert fit.shape.log_standard_error == pytest.approx(hypot(ratio_error, medians_error), rel=1e-6)


def test_without_a_ratio_the_workbooks_shape_stays_an_assumption(calgb: Inputs) -> None:
    inputs = with_values(calgb, {"pfs.shape.no_maintenance": 1.1})
    fit = fit_medians(inputs, "pfs")
    assert (fit.shape.value, fit.shape_row) == (1.1, None)
    with pytest.raises(InputError, match=r"nothing identifies the curve.*assume pfs\.shape\.no_maintenance"):
        fit_medians(calgb, "pfs")


def test_a_median_without_limits_takes_its_error_from_the_events(myeloma_ix: Inputs) -> None:
    ratio = TrialContrast("pfs", "IX", "thalidomide", "no_maintenance", 0.69, 0.58, 0.82, place="b!E5")
    with pytest.raises(InputError, match=r"Trial results.*nothing says how sure the median of pfs of no_maintenance"):
        fit_medians(replace(myeloma_ix, network=(ratio,)), "pfs")
    events = tuple(CurvePoint(s, "pfs", "events", 0.0, 300.0) for s in ("no_maintenance", "thalidomide"))
    fit = fit_medians(replace(myeloma_ix, network=(ratio,), curve_points=events), "pfs")
    assert fit.shape.value == pytest.approx(0.868, abs=5e-4)  # printed as 0.87
    assert fit.medians["thalidomide"].log_standard_error == pytest.approx(1.0 / np.sqrt(300.0), rel=1e-12)


def test_medians_and_a_ratio_that_disagree_are_refused_at_the_ratio(calgb: Inputs) -> None:
    with pytest.raises(InputError, match=r"b!E5: .*disagree on which arm did better"):
        fit_medians(replace(calgb, network=(replace(RATIO, hazard_ratio=1.5, low=1.1, high=2.0),)), "pfs")


def test_the_command_writes_medians_and_one_shape_for_both_arms(tmp_path: Path) -> None:
    source, workbook, target = shipped("calgb_100104"), tmp_path / "with.xlsx", tmp_path / "new.xlsx"
    row = {"endpoint": "pfs", "trial": "CALGB", "treatment": "lenalidomide", "comparator": "no_maintenance"}
    figures = {
        "hazard ratio": 0.57,
        "low": 0.46,
        "high": 0.71,
        "included": "yes",
        "status": "read",
        "source": "Holstein",
    }
    sheets, _ = read_sheets(source)
    regenerate(source, with_table_rows(sheets, Sheet.NETWORK, (), [{**row, **figures}]), workbook)
    done = markov(
        "fit", workbook, "--from-medians", "pfs", "--out", target, "--report", tmp_path / "r.xlsx", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    new = read_inputs(target)
    for strategy, median in (("no_maintenance", 28.9), ("lenalidomide", 57.3)):
        assert new.text(f"pfs.family.{strategy}") == "weibull"
        assert new.value(f"pfs.median.{strategy}") == median
        assert new.parameters[f"pfs.shape.{strategy}"].group == "pfs shape"
        assert f"pfs.mu.{strategy}" not in new.parameters
    run = markov("run", target, "--base-only", "--no-live", "--out", tmp_path / "run.xlsx", folder=tmp_path)
    assert run.returncode == 0, run.stderr
