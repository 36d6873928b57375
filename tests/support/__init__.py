"""What several test modules need: the command line, inputs made for tests, and the model written again plainly."""
