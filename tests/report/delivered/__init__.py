"""Tests of `markov.report.delivered`."""
