"""Where two accounts part, and why."""

import numpy as np

from backtester.parting import part
from tests.fake_result import HOUR, START, fake_result
from tests.unit.pairs import BUY, FLAT, MARKET, pair


def parted(first_events, second_events, **more):
    return part(*pair(first_events, second_events, **more), ("isolated", "cross"))


class TestParting:
    def test_never(self):
        parting = parted([BUY], [BUY])
        assert parting.bar == -1
        assert str(parting) == "isolated and cross never part: same trades, same cash."

    def test_liquidated_in_one_and_kept_in_the_other(self):
        parting = parted([BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)], [BUY])
        assert parting.bar == 4
        assert parting.time == START + 4 * HOUR
        assert str(parting) == (
            "2025-10-01 04:00: isolated was liquidated on SOLUSDT (loss 812.40 USDT) while cross kept the position."
        )

    def test_the_other_way_round(self):
        parting = parted([BUY], [BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)])
        assert parting.why == "cross was liquidated on SOLUSDT (loss 812.40 USDT) while isolated kept the position."

    def test_the_other_closed_by_its_stop_in_the_same_bar(self):
        parting = parted([BUY, (4, 1, "liquidation", -5.0, 80.0, -812.4)], [BUY, (4, 1, "stop", -5.0, 90.0, -50.0)])
        assert parting.why.endswith("while cross closed it by its stop.")

    def test_several_slots_liquidated_at_once(self):
        both = [BUY, (1, 0, "fill", 1.0, 100.0, -1.0)]
        dead = [(4, 1, "liquidation", -5.0, 80.0, -100.0), (4, 0, "liquidation", -1.0, 80.0, -20.0)]
        parting = parted(both, [*both, *dead])
        assert parting.why == (
            "cross was liquidated on SOLUSDT and 1 more slot (loss 120.00 USDT) while isolated kept all 2 positions."
        )

    def test_both_liquidated_at_other_prices(self):
        parting = parted(
            [BUY, (4, 1, "liquidation", -5.0, 80.0, -100.0)], [BUY, (4, 1, "liquidation", -5.0, 70.0, -150.0)]
        )
        assert parting.why == (
            "both were liquidated on SOLUSDT, but not alike: isolated at a mark of 80 (loss 100.00) "
            "and cross at a mark of 70 (loss 150.00)."
        )

    def test_an_order_cut_for_want_of_margin(self):
        cut = [(1, 1, "cut", 0.0, np.nan, 0.0, "available"), (1, 1, "fill", 3.0, 100.0, -1.0)]
        parting = parted(cut, [BUY])
        assert parting.bar == 1
        assert parting.why == (
            "isolated cut the order for SOLUSDT to +3 (not enough free margin) while cross traded +5."
        )

    def test_an_order_rejected(self):
        parting = parted([(1, 1, "rejected", 0.0, np.nan, 0.0, "would_liquidate")], [BUY])
        assert parting.why == (
            "isolated rejected the order for SOLUSDT (it would have been liquidated at once) while cross traded +5."
        )

    def test_an_order_with_nothing_to_reduce(self):
        parting = parted([(1, 1, "rejected", 0.0, np.nan, 0.0, "no_position")], [BUY])
        assert parting.why == "isolated rejected the order for SOLUSDT (nothing to reduce) while cross traded +5."

    def test_margin_instructions_that_only_isolated_follows_are_no_parting(self):
        parting = parted([BUY, (2, 1, "add_margin", 0.0, np.nan, 5.0)], [BUY, (2, 1, "rejected", 0, 0, 0, "refused")])
        assert parting.bar == -1

    def test_other_sizes(self):
        parting = parted([BUY], [(1, 1, "fill", 5.5, 100.0, -1.0)])
        assert parting.why == "on SOLUSDT isolated traded +5 (fill) while cross traded +5.5 (fill)."

    def test_a_trade_in_one_only(self):
        parting = parted([BUY, (3, 1, "stop", -5.0, 90.0, -50.0)], [BUY])
        assert parting.bar == 3
        assert parting.why == "on SOLUSDT isolated traded -5 (stop) while cross traded nothing."

    def test_a_difference_within_rounding_is_none(self):
        assert parted([BUY], [(1, 1, "fill", 5.0 * (1 + 1e-12), 100.0, -1.0)]).bar == -1

    def test_the_order_of_slots_in_the_log_does_not_matter(self):
        other = (1, 0, "fill", 2.0, 100.0, -1.0)
        assert parted([BUY, other], [other, BUY]).bar == -1

    def test_cash_that_differs_in_more_than_transfers(self):
        first, second = pair([BUY], [BUY])
        first.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4), (2, "transfer", 500.0)]).ledger
        second.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4)]).ledger
        assert part(first, second, ("isolated", "cross")).bar == -1
        second.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4), (5, "funding", -2.5)]).ledger
        parting = part(first, second, ("isolated", "cross"))
        assert parting.bar == 5
        assert parting.why == "same trades, but other cash through funding: isolated 0.00 against cross -2.50 USDT."

    def test_the_first_difference_counts(self):
        dead = (4, 1, "liquidation", -5.0, 80.0, -812.4)
        again = (6, 1, "fill", 5.0, 100.0, -1.0)
        assert parted([BUY, dead, again], [BUY, again]).bar == 4
