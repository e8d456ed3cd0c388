"""One scenario in several accounts, as results of the engine."""

from backtester.engine import simulate
from backtester.scenario import Scenario, validate


def in_mode(scene, mode, path=None):
    """Return the run of a scenario in a mode that needs to know nothing more of its slots."""
    account = {**scene["account"], "mode": mode, "path": path or scene["account"]["path"]}
    slots = [{key: slot[key] for key in ("instrument", "leverage")} for slot in scene["slots"]]
    return simulate(
        Scenario.from_dict(validate({**scene, "account": account, "slots": slots, "sub_account_shares": []}))
    )


def in_both(scene):
    """Return the isolated and the cross run of a scenario."""
    return in_mode(scene, "isolated"), in_mode(scene, "cross")
