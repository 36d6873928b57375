"""From published evidence to inputs of the model: curves fitted, trials pooled, rates calibrated."""
