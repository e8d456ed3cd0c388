"""What the checks found, by name."""

from backtester.checking.run import CHECKS, check_strategy


def found(bad, market):
    """Return the findings by their name."""
    findings = check_strategy(bad, market)
    assert [finding.check for finding in findings] == list(CHECKS)
    return {finding.check: finding for finding in findings}


def only(name, bad, market):
    """Return the finding of one check, which alone fails."""
    findings = found(bad, market)
    assert [check for check, finding in findings.items() if not finding.passed] == [name]
    assert findings[name].cure
    return findings[name]
