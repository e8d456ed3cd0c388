"""Whether a strategy can be believed."""
