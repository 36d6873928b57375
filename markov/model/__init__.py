"""One run or many of the cohort model: arrays in, arrays out. Nothing here knows of files."""
