"""Tests of `markov.inputs`."""
