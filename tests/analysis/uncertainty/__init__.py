"""Tests of `markov.analysis.uncertainty`."""
