"""Price and time before running: what will become of an instance, how likely, when, and for how much."""
