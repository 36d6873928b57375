"""Tests of `markov.analysis.bank`."""
