"""What moves the answer, one change at a time: scenarios, bars, grids, thresholds, prices."""
