"""Tests of `markov.inputs.rules`."""
