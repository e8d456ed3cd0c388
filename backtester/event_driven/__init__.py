"""Strategies that are called at every bar and see their account: `Strategy.on_bar`. docs/authors.md, "Bar by bar"."""
