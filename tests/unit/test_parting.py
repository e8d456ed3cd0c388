"""Where two accounts part, and why."""

import numpy as np

from backtester.explaining.parting import part
from backtester.schema import EVENT_KINDS
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
            "cross was liquidated on SOLUSDT and 1 more slot (loss 120.00 USDT) while isolated kept both positions."
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

    def test_a_position_that_was_opened_and_lost_in_the_bar(self):
        """What the order traded is told, and not that nothing is left of it."""
        gone = [(1, 1, "fill", 3.0, 100.0, -1.0), (1, 1, "stop", -3.0, 90.0, -30.0)]
        parting = parted(gone, [BUY])
        assert parting.why == "on SOLUSDT isolated traded +3 (fill) and -3 (stop) while cross traded +5 (fill)."
        first, second = pair([(1, 1, "cut", 3.0, np.nan, 5.0, "available"), *gone], [BUY])
        for run in (first, second):
            run.events["order"][run.events["kind"] != EVENT_KINDS.index("stop")] = 0
        assert part(first, second, ("isolated", "cross")).why == (
            "isolated cut the order for SOLUSDT to +3 (not enough free margin) while cross traded +5."
        )

    def test_many_trades_are_told_as_their_sum(self):
        many = [(1, 1, "fill", 1.0, 100.0, -1.0), *[(1, 1, "limit", 1.0, 99.0, -1.0)] * 3]
        assert parted(many, [BUY]).why == (
            "on SOLUSDT isolated traded +4 (fill, limit) while cross traded +5 (fill)."
        )

    def test_cut_alike_and_traded_unlike(self):
        """Both cut for want of margin, and to what each had."""
        cut = (1, 1, "cut", 0.0, np.nan, 0.0, "available")
        parting = parted([cut, (1, 1, "fill", 3.0, 100.0, -1.0)], [cut, (1, 1, "fill", 4.0, 100.0, -1.0)])
        assert parting.why == (
            "isolated cut the order for SOLUSDT to +3 (not enough free margin) while "
            "cross cut the order for SOLUSDT to +4 (not enough free margin)."
        )

    def test_a_margin_instruction_refused_in_that_bar_is_not_why(self):
        refused = (1, 1, "rejected", 0.0, np.nan, 0.0, "refused")
        parting = parted([refused, BUY], [(1, 1, "fill", 4.0, 100.0, -1.0)])
        assert parting.why == "on SOLUSDT isolated traded +5 (fill) while cross traded +4 (fill)."

    def test_a_trade_of_the_second_comes_first(self):
        sold = (3, 0, "fill", -1.0, 100.0, 0.0)
        assert parted([BUY, (5, 0, "fill", -1.0, 100.0, 0.0)], [BUY, sold]).bar == 3

    def test_cash_that_differs_before_the_trades_do(self):
        first, second = pair([BUY], [BUY, (6, 1, "fill", -5.0, 100.0, 0.0)])
        second.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4), (3, "funding", -2.5)]).ledger
        first.ledger = fake_result(MARKET, FLAT, ledger=[(0, "deposit", 1e4)]).ledger
        parting = part(first, second, ("isolated", "cross"))
        assert (parting.bar, "through funding" in parting.why) == (3, True)

    def test_the_first_difference_counts(self):
        dead = (4, 1, "liquidation", -5.0, 80.0, -812.4)
        again = (6, 1, "fill", 5.0, 100.0, -1.0)
        assert parted([BUY, dead, again], [BUY, again]).bar == 4
