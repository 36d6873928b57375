"""What a result means: after progression, for severity, for benefit and harm, and for an agency."""
