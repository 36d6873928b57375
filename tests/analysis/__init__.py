"""Tests of `markov.analysis`."""
