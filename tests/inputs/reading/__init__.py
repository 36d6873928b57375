"""Tests of `markov.inputs.reading`."""
