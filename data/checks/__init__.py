"""Quality of a store's data: what is odd, where, and how grave it is."""

from data.checks.findings import ERROR, INFO, SEVERITIES, WARNING, Finding, Limits
from data.checks.run import check

__all__ = ["ERROR", "INFO", "SEVERITIES", "WARNING", "Finding", "Limits", "check"]
