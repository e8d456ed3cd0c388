"""Strategies that are called at every bar and see their account: `Strategy.on_bar`. docs/bar-by-bar.md."""
