"""What a scenario is made of: every key of its file, checked, and the rows that come of it."""
