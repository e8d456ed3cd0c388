"""Hold two engines' results of one scenario against each other: events equal, money to 1e-9 of the balance."""

import numpy as np

MONEY = 1e-9  # of the balance
PRICE = 1e-9  # relative
MOMENT = 1e-9  # of a segment
RATIO = 1e-6  # relative, for quotients of small differences
EXACT = ("bar", "kind", "slot", "pool", "segment", "reason")
CURVES = ("equity", "equity_low", "cash", "pool_pnl", "pool_initial_margin", "pool_requirement")
TOTALS = ("liquidations", "rejected", "cut", "bankrupt")


def differences(scenario, kernel, reference):
    """List where two results of a scenario differ, the first few of each kind."""
    balance = scenario["account"]["balance"]
    contracts = {j: scenario["instruments"][slot["instrument"]]["contract"] for j, slot in enumerate(scenario["slots"])}
    contracts[None] = "linear"  # events of the account
    found = []
    mine, theirs = by_moment(kernel["events"]), by_moment(reference["events"])
    for n, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        wrong = [key for key in EXACT if a[key] != b[key]]
        wrong += [key for key in ("price", "fill") if not near(a[key], b[key], PRICE)]
        amounts = a["amount"], b["amount"]  # of a cut it may be a quantity
        if abs(a["s"] - b["s"]) > MOMENT:
            wrong.append("s")
        if not (near(*amounts, MONEY, balance) or (a["kind"] == "cut" and near(*amounts, PRICE))):
            wrong.append("amount")
        if not wrong and not same_quantity(a, b, contracts[a["slot"]], balance):
            wrong.append("quantity")
        if wrong:
            found.append(f"event {n}: {wrong}: {a} != {b}")
            break
    if len(mine) != len(theirs):
        found.append(f"{len(mine)} events != {len(theirs)}")
    for name in CURVES:
        found += curve_differences(name, kernel[name], reference[name], MONEY * balance, 0.0)
    held = MONEY * np.abs(np.array(kernel["quantity"], float)).max(initial=0.0)
    found += curve_differences("quantity", kernel["quantity"], reference["quantity"], held, PRICE)
    for name in ("entry", "liquidation_price", "worst_margin_ratio"):
        found += curve_differences(name, kernel[name], reference[name], 1e-12, RATIO)
    found += [f"total {name}" for name in TOTALS if kernel["totals"][name] != reference["totals"][name]]
    found += [f"{name}" for name in ("pool_of_slot", "pool_kind", "mark_is_trade") if kernel[name] != reference[name]]
    return found + ledger_differences(kernel["ledger"], reference["ledger"], MONEY * balance)


def by_moment(events):
    """Events with those of one moment by slot: pools that are alike cross within the last digit of each other."""
    out, moment = [], None
    for event in events:
        same = moment and moment[:2] == (event["bar"], event["segment"]) and abs(event["s"] - moment[2]) <= 1e-12
        if not same or event["kind"] not in ("liquidation", "auto_top_up"):
            moment = (event["bar"], event["segment"], event["s"])
            out.append([])
        out[-1].append(event)
    return [event for group in out for event in sorted(group, key=lambda event: (event["slot"] is None, event["slot"]))]


def same_quantity(a, b, contract, balance):
    """Whether two quantities are equal, or worth less than the tolerance of money apart."""
    if near(a["quantity"], b["quantity"], PRICE):
        return True
    price = 1.0 / a["price"] if contract == "inverse" else a["price"]
    return abs(a["quantity"] - b["quantity"]) * price <= MONEY * balance


def near(a, b, tolerance, scale=None):
    """Whether two numbers (or None) are equal to a tolerance, relative unless a scale is given."""
    if a is None or b is None:
        return a is b
    return abs(a - b) <= tolerance * (scale if scale is not None else max(abs(a), abs(b), 1e-12))


def curve_differences(name, a, b, absolute, relative):
    """First place where two (nested) lists differ."""
    a, b = np.array(a, float), np.array(b, float)
    if a.shape != b.shape:
        return [f"{name}: shape {a.shape} != {b.shape}"]
    wrong = ~np.isclose(a, b, rtol=relative, atol=absolute, equal_nan=True)
    if not wrong.any():
        return []
    at = tuple(np.argwhere(wrong)[0])
    return [f"{name}{list(map(int, at))}: {a[at]} != {b[at]}"]


def ledger_differences(mine, theirs, tolerance):
    """First sum by bar, pool and kind that differs between two ledgers."""
    sums = {}
    for rows, sign in ((mine, 1.0), (theirs, -1.0)):
        for row in rows:
            key = (row["bar"], row["pool"], row["kind"])
            sums[key] = sums.get(key, 0.0) + sign * row["amount"]
    wrong = [f"ledger {key}: {value}" for key, value in sums.items() if abs(value) > tolerance]
    return wrong[:1]
