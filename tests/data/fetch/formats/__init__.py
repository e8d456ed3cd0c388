"""Made-up rows in the format of each venue: the endpoints that the clients ask, with their limits and order."""

from tests.data.fetch.formats.base import Venue
from tests.data.fetch.formats.binance import Binance, BinanceCoinM
from tests.data.fetch.formats.bybit import Bybit
from tests.data.fetch.formats.coinbase import Coinbase
from tests.data.fetch.formats.crypto_com import CryptoCom
from tests.data.fetch.formats.hyperliquid import Hyperliquid
from tests.data.fetch.formats.kraken import Kraken
from tests.data.fetch.formats.okx import Okx
from tests.data.fetch.world import Perpetual

VENUES: dict[str, tuple[type[Venue], Perpetual]] = {
    "binance": (Binance, Perpetual("BTCUSDT")),
    "binance_coinm": (BinanceCoinM, Perpetual("BTCUSD_PERP", quote="USD", settle="BTC")),
    "bybit": (Bybit, Perpetual("BTCUSDT")),
    "okx": (Okx, Perpetual("BTC-USDT-SWAP")),
    "kraken": (Kraken, Perpetual("PF_XBTUSD", quote="USD", settle="USD")),
    "crypto_com": (CryptoCom, Perpetual("BTCUSD-PERP", quote="USD", settle="USD")),
    "coinbase": (Coinbase, Perpetual("BTC_USDC-PERPETUAL", quote="USDC", settle="USDC")),
    "hyperliquid": (Hyperliquid, Perpetual("BTC", quote="USDC", settle="USDC")),
}
