"""Strategies are loaded, asked what they want, and held to it: from targets to orders."""
