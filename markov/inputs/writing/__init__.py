"""Input workbooks that the program writes: new ones, changed ones, marked ones, upgraded ones."""
