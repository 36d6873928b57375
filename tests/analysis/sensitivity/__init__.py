"""Tests of `markov.analysis.sensitivity`."""
