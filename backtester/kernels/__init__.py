"""Compiled kernels: margin, funding, fills and liquidation, and the bar loop that calls them."""
