"""Tests of `markov.report.sheets`."""
