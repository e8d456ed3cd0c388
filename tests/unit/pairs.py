"""Two runs of the same market put together by hand, for what is said of them."""

from tests.fake_result import fake_market, fake_result

MARKET = fake_market(8)
FLAT = [10_000.0] * 8
BUY = (1, 1, "fill", 5.0, 100.0, -1.0)


def pair(first_events=(), second_events=(), *, first=FLAT, second=FLAT, market=MARKET, **more):
    return (
        fake_result(market, first, events=first_events, mode="isolated", **more),
        fake_result(market, second, events=second_events, mode="cross", **more),
    )
