"""Tiers of a perpetual as the venue has them now; no venue tells what they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backtester.errors import ConfigurationError
from data.fetch.credentials import variables
from data.fetch.failures import BadReply
from data.fetch.markets import Listed
from data.fetch.venues import HOUR, Exchange

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[float, float, float]  # floor, maintenance rate, highest leverage


def check_key(exchange: Exchange, client: Any) -> None:
    """Refuse to ask for tiers that need a key without one.

    Raises
    ------
    ConfigurationError
        Naming the environment variables.
    """
    if exchange.private_tiers and not (client.apiKey and client.secret):
        key, secret = variables(exchange.account)
        cure = f"Set {key} and {secret}, give --credentials FILE, or leave tiers out of --kinds"
        raise ConfigurationError("kinds", "tiers", f"{exchange.name} shows its tiers only to a key", cure=cure)


def tier_table(client: Any, exchange: Exchange, market: Listed) -> pd.DataFrame:
    """Return the tiers of now: ``timestamp`` (of the hour, ms UTC), ``floor, maintenance_rate, max_leverage``.

    And ``unit_margin_rate``, where the margin rate grows with each unit of the position.

    Raises
    ------
    BadReply
        If the reply has another form, or no tiers of this symbol.
    """
    import ccxt
    import pandas as pd

    try:
        rows = _ASK[exchange.tiers](client, market)
        rows = [(float(floor), *_rates(float(rate), float(leverage))) for floor, rate, leverage in rows]
        growth = _risk_parameter(client, market, "unit_margin_rate") if exchange.tiers == "risk" else None
    except (ccxt.BaseError, BadReply):
        raise
    except Exception as error:  # whatever breaks in a parser
        raise BadReply(f"the tiers have another form ({type(error).__name__}: {error})") from error
    if not rows:
        raise BadReply(f"there are no tiers of {market.folder} in it")
    frame = pd.DataFrame(sorted(rows), columns=["floor", "maintenance_rate", "max_leverage"])
    frame.insert(0, "timestamp", client.milliseconds() // HOUR * HOUR)
    return frame if growth is None else frame.assign(unit_margin_rate=growth)


def _rates(rate: float, leverage: float) -> tuple[float, float]:
    """Return rate and leverage; a rate above the initial one (1/leverage) is in per cent."""
    return (rate if rate * leverage <= 1 else rate / 100), leverage


def _all(client: Any, market: Listed) -> list[Row]:
    """Ask for the tiers of all symbols, once for each client."""
    tables = getattr(client, "tier_tables", None)
    if tables is None:
        tables = client.tier_tables = client.fetch_leverage_tiers()
    return _unified(tables.get(market.symbol, []))


def _each(client: Any, market: Listed) -> list[Row]:
    return _unified(client.fetch_market_leverage_tiers(market.symbol))


def _unified(tiers: list[dict[str, Any]]) -> list[Row]:
    return [(tier["minNotional"], tier["maintenanceMarginRate"], tier["maxLeverage"]) for tier in tiers]


def _risk(client: Any, market: Listed) -> list[Row]:
    """Crypto.com: half of the initial rate at the product's leverage."""
    leverage = _risk_parameter(client, market, "max_product_leverage_for_perps")
    return [(0.0, 0.5 / leverage, leverage)]


def _risk_parameter(client: Any, market: Listed, name: str) -> float:
    """Return a parameter of a perpetual's coin, or the venue's default; asked for once for each client."""
    reply = getattr(client, "risk_parameters", None)
    if reply is None:
        reply = client.risk_parameters = client.v1PublicGetPublicGetRiskParameters()["result"]
    base = client.markets[market.symbol]["base"]
    (own,) = [each for each in reply["base_currency_config"] if each["instrument_name"] == base] or [{}]
    return float(own.get(name, reply[f"default_{name}"]))


def _meta(client: Any, market: Listed) -> list[Row]:
    """Hyperliquid: half of the initial rate at the highest leverage of each tier of the coin's margin table."""
    reply = client.publicPostInfo({"type": "meta"})
    (coin,) = [each for each in reply["universe"] if each["name"] == market.folder]
    tables = {str(number): table["marginTiers"] for number, table in reply.get("marginTables", [])}
    tiers = tables.get(str(coin.get("marginTableId")), [{"lowerBound": 0.0, "maxLeverage": coin["maxLeverage"]}])
    return [(float(tier["lowerBound"]), 0.5 / float(tier["maxLeverage"]), float(tier["maxLeverage"])) for tier in tiers]


_ASK: dict[str, Callable[[Any, Listed], list[Row]]] = {"all": _all, "each": _each, "risk": _risk, "meta": _meta}
