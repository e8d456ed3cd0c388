"""Charts by the data in their artists: marks, curve values, colours, words."""

import re

import numpy as np
import pytest

from backtester.schema import MODES
from reports.canvas import NARROW, WIDE, canvas, date_labels, date_ticks, money_axis, png, svg
from reports.charts import CHARTS, equity_chart, liquidation_chart, margin_ratio_chart, underwater_chart
from reports.palette import dark, look
from tests.fake_result import HOUR, START, fake_comparison, fake_market, fake_result, story

DAY = 86_400e9


def artist(figure, gid):
    found = figure.findobj(lambda each: each.get_gid() == gid)
    assert len(found) == 1, gid
    return found[0]


def words(figure):
    return " ".join(each.get_text() for each in figure.findobj(lambda a: hasattr(a, "get_text"))).replace("\u00a0", " ")


def pair(isolated, cross, n_bars=8, **more):
    market = fake_market(n_bars, **more)
    return fake_comparison(
        {
            "isolated": fake_result(market, isolated.pop("equity"), mode="isolated", **isolated),
            "cross": fake_result(market, cross.pop("equity"), mode="cross", **cross),
        }
    )


class TestEquity:
    def test_curves_start_at_the_balance_and_show_every_close(self):
        comparison = story(48, 5)
        line = artist(equity_chart(comparison), "equity-isolated")
        assert line.get_ydata().tolist() == [10_000.0, *comparison.isolated.equity]
        assert line.get_xdata()[0] == START / DAY
        assert line.get_xdata()[-1] == (START + 48 * HOUR) / DAY

    def test_one_mark_per_bar_with_liquidations_on_the_curve(self):
        comparison = story(480, 9)
        marks = artist(equity_chart(comparison), "liquidations-isolated")
        bars = np.unique(comparison.liquidations.loc["isolated"]["bar"])
        assert len(marks.get_ydata()) <= len(bars)
        assert set(marks.get_ydata()) <= set(comparison.isolated.equity[bars])
        assert artist(equity_chart(comparison), "liquidations-cross").get_ydata().size == 1  # four slots, one bar

    def test_colours_are_those_of_the_modes_everywhere(self):
        comparison = story(48, 5)
        for mode in ("isolated", "cross"):
            assert artist(equity_chart(comparison), f"equity-{mode}").get_color() == look(mode).colour
            assert artist(underwater_chart(comparison), f"underwater-{mode}").get_color() == look(mode).colour
            assert artist(margin_ratio_chart(comparison), f"ratio-{mode}").get_color() == look(mode).colour

    def test_band_holds_every_path(self):
        comparison = story(48, 5)
        band = artist(equity_chart(comparison), "band-cross").get_paths()[0].vertices[:, 1]
        runs = comparison.bands["cross"].values()
        assert band.max() == max(run.equity.max() for run in [*runs]) or band.max() == 10_000.0
        assert band.min() == min(run.equity.min() for run in runs)

    def test_a_band_without_width_is_left_out(self):
        run = fake_result(fake_market(8), [1e4] * 7 + [9e3])
        figure = equity_chart(fake_comparison({"isolated": run}, bands={"isolated": {"adverse": run, "candle": run}}))
        assert "shaded" not in words(figure)
        assert not figure.findobj(lambda each: each.get_gid() == "band-isolated")

    def test_thousands_of_liquidations_stay_readable(self):
        figure = equity_chart(story(20_000, 5_000))
        assert 40 < artist(figure, "liquidations-isolated").get_xdata().size <= 80
        assert artist(figure, "equity-isolated").get_xdata().size <= 3 * WIDE.columns

    def test_titles_state_the_finding(self):
        flat = [10_000.0] * 8
        assert "Isolated ended 500 USDT ahead of cross" in words(
            equity_chart(pair({"equity": [*flat[:7], 9_500]}, {"equity": [*flat[:7], 9_000]}))
        )
        assert "Cross lost everything; isolated ended with 9,500 USDT" in words(
            equity_chart(pair({"equity": [*flat[:7], 9_500]}, {"equity": [*flat[:7], 0]}))
        )
        assert "Both modes lost everything by 2025-10-01 08:00" in words(
            equity_chart(pair({"equity": [*flat[:7], 0]}, {"equity": [0] * 8}))
        )
        assert "Isolated and cross ended alike, with 10,000 USDT" in words(
            equity_chart(pair({"equity": flat}, {"equity": flat}))
        )


class TestInsideBars:
    def test_a_fall_inside_a_bar_is_drawn_from_its_close_to_its_low(self):
        equity, low = [10_000.0] * 7 + [9_000.0], [10_000.0] * 7 + [8_000.0]
        low[3] = 2_500.0
        figure = equity_chart(pair({"equity": equity, "low": low}, {"equity": equity}))
        strokes = artist(figure, "low-isolated")
        assert strokes.get_ydata()[~np.isnan(strokes.get_ydata())].tolist() == [10_000, 2_500, 9_000, 8_000]
        assert strokes.get_xdata()[:2].tolist() == [(START + 4 * HOUR) / DAY] * 2
        assert not figure.findobj(lambda each: each.get_gid() == "low-cross")
        assert figure.axes[0].get_ylim()[0] < 2_500.0

    @pytest.mark.parametrize("size", [WIDE, NARROW], ids=lambda size: size.name)
    def test_the_lowest_of_many_bars_is_not_lost(self, size):
        n = 50_000
        equity, low = np.full(n, 1e4), np.full(n, 9_990.0)
        low[31_313] = 1_000.0
        runs = pair({"equity": equity, "low": low}, {"equity": equity}, n)
        strokes = artist(equity_chart(runs, size), "low-isolated").get_ydata()
        assert np.nanmin(strokes) == 1_000.0
        assert strokes.size <= 3 * size.columns
        assert np.nanmin(artist(underwater_chart(runs, size), "low-isolated").get_ydata()) == pytest.approx(-90.0)

    def test_charts_reach_the_drawdowns_of_the_table(self):
        comparison = story(480, 9)
        figure = underwater_chart(comparison)
        for mode in comparison.modes:
            closes, inside = (artist(figure, f"{name}-{mode}").get_ydata() for name in ("underwater", "low"))
            assert -closes.min() / 100 == pytest.approx(comparison.metrics.at["max_drawdown", mode])
            assert -np.nanmin(inside) / 100 == pytest.approx(comparison.metrics.at["max_drawdown_in_bars", mode])

    def test_modes_differ_without_colours(self):
        runs = [fake_result(fake_market(3), [1e4, 9e3, 8e3], mode=mode) for mode in MODES]
        comparison = fake_comparison({run.scenario.mode: run for run in runs})
        for chart, name in ((equity_chart, "equity"), (underwater_chart, "underwater")):
            figure = chart(comparison)
            assert len({str(artist(figure, f"{name}-{mode}")._unscaled_dash_pattern) for mode in MODES}) == len(MODES)
            assert not figure.axes[0].collections  # no shades that mix where they overlap


class TestUnderwater:
    def test_deepest_point_inside_bars(self):
        equity, low = [10_000.0] * 8, [10_000.0] * 8
        low[3] = 2_500.0
        figure = underwater_chart(pair({"equity": equity, "low": low}, {"equity": equity}))
        assert artist(figure, "underwater-isolated").get_ydata().min() == 0.0
        assert np.nanmin(artist(figure, "low-isolated").get_ydata()) == -75.0
        assert artist(figure, "deepest-isolated").get_xdata()[0] == (START + 4 * HOUR) / DAY
        assert "Cross fell 0.0 % at worst, isolated 75.0 %" in words(figure)


class TestTimeline:
    def test_one_mark_per_liquidation(self):
        comparison = story(480, 9)
        figure = liquidation_chart(comparison)
        assert len(artist(figure, "timeline-isolated").get_offsets()) == 9
        assert len(artist(figure, "timeline-cross").get_offsets()) == 4

    def test_areas_grow_with_the_loss(self):
        kill = [(k, 0, "liquidation", -1.0, 90.0, -loss) for k, loss in ((1, 100.0), (4, 400.0), (7, 200.0))]
        figure = liquidation_chart(pair({"equity": [1e4] * 8, "events": kill}, {"equity": [1e4] * 8}))
        sizes = artist(figure, "timeline-isolated").get_sizes()
        assert sizes[1] == sizes.max()
        assert sizes[0] - 14 == pytest.approx((sizes[1] - 14) / 4)
        assert not figure.findobj(lambda each: each.get_gid() == "timeline-cross")

    def test_thousands_share_marks_and_no_loss_is_dropped(self):
        comparison = story(20_000, 5_000, symbols=tuple(f"COIN{k}USDT" for k in range(60)))
        figure = liquidation_chart(comparison)
        marks = len(artist(figure, "timeline-isolated").get_offsets())
        assert 100 < marks <= 1_200
        assert "Isolated was liquidated 5,000 times" in words(figure)
        assert "others" in words(figure)
        total = comparison.metrics.at["liquidation_loss", "isolated"]
        shown = re.findall(r"\u25bc ([\d,.]+)", " ".join(t.get_text() for t in figure.axes[0].texts))
        assert sum(float(each.replace(",", "")) for each in shown) == pytest.approx(total, abs=1.0)

    def test_many_slots_of_few_symbols_share_a_row_per_symbol(self):
        market, slots = fake_market(8), tuple(f"Grid {s} {k}" for k in range(40) for s in ("BTCUSDT", "SOLUSDT"))
        kill = [(2, j, "liquidation", -1.0, 90.0, -1.0 - j % 2) for j in range(80)]
        run = fake_result(market, [1e4] * 8, events=kill, slot_names=slots)
        figure = liquidation_chart(fake_comparison({"isolated": run}))
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert labels == ["SOLUSDT", "BTCUSDT"]
        assert {"\u25bc 80.00", "\u25bc 40.00"} <= {each.get_text() for each in figure.axes[0].texts}

    def test_labels_leave_out_the_words_that_all_share(self):
        market, slots = fake_market(8), ("Grid BTCUSDT", "Grid SOLUSDT")
        kill = [(2, j, "liquidation", -1.0, 90.0, -1.0) for j in range(2)]
        run = fake_result(market, [1e4] * 8, events=kill, slot_names=slots)
        figure = liquidation_chart(fake_comparison({"isolated": run}))
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["BTCUSDT", "SOLUSDT"]

    def test_labels_leave_out_a_currency_that_all_share(self):
        market = fake_market(8, ("BTC/USDT:USDT", "SOL/USDT:USDT"))
        kill = [(2, j, "liquidation", -1.0, 90.0, -1.0) for j in range(2)]
        figure = liquidation_chart(fake_comparison({"isolated": fake_result(market, [1e4] * 8, events=kill)}))
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["BTC", "SOL"]

    def test_marks_of_modes_in_one_row_do_not_touch(self):
        kill = [(2, 0, "liquidation", -1.0, 90.0, -1.0)]
        figure = liquidation_chart(pair({"equity": [1e4] * 8, "events": kill}, {"equity": [1e4] * 8, "events": kill}))
        marks = [artist(figure, f"timeline-{mode}") for mode in ("isolated", "cross")]
        (_, up), (_, down) = (figure.axes[0].transData.transform(each.get_offsets()[0]) for each in marks)
        points = (up - down) / figure.dpi * 72
        assert points > np.sqrt(marks[0].get_sizes()[0])

    def test_top_ups_have_marks_of_their_own(self):
        added = [(2, 1, "auto_top_up", 0.0, 90.0, 300.0), (3, 0, "add_margin", 0.0, 90.0, 50.0)]
        comparison = pair({"equity": [1e4] * 8, "events": added}, {"equity": [1e4] * 8})
        figure = liquidation_chart(comparison)
        for gid, bar, slot in (("auto_top_up-isolated", 2, 1), ("add_margin-isolated", 3, 0)):
            ((time, row),) = artist(figure, gid).get_offsets()
            assert time == pytest.approx((START + (bar + 1) * HOUR) / DAY)
            assert figure.axes[0].get_yticklabels()[round(row)].get_text() == ("BTCUSDT", "SOLUSDT")[slot]
        said = words(figure)
        assert "No position was liquidated; automatic top-ups: isolated 1" in said
        assert "\u271a automatic top-ups, + margin added by hand" in said
        assert not figure.findobj(lambda each: each.get_gid() in ("timeline-isolated", "auto_top_up-cross"))

    def test_none(self):
        figure = liquidation_chart(pair({"equity": [1e4] * 8}, {"equity": [1e4] * 8}))
        assert "No position was liquidated" in words(figure)


class TestMarginRatio:
    def test_infinity_is_drawn_at_the_top_and_counted(self):
        ratio = [0.1, 0.5, np.inf, 0, 0, 0, 0, 0]
        figure = margin_ratio_chart(pair({"equity": [1e4] * 8, "ratio": ratio}, {"equity": [1e4] * 8}))
        drawn = artist(figure, "ratio-isolated").get_ydata()
        assert np.isfinite(drawn).all()
        assert drawn[2] > 1.0
        assert drawn[:2].tolist() == [0.1, 0.5]
        assert "reached liquidation: isolated 1, cross 0" in words(figure)

    def test_a_short_touch_among_many_bars_is_not_lost(self):
        ratio = np.full(50_000, 0.2)
        ratio[777] = 1.0
        figure = margin_ratio_chart(
            pair({"equity": [1e4] * 50_000, "ratio": ratio}, {"equity": [1e4] * 50_000}, 50_000)
        )
        assert artist(figure, "worst-isolated").get_paths()[0].vertices[:, 1].max() == 1.0

    def test_the_highest_ratio_is_no_claim_to_be_nearest(self):
        said = words(margin_ratio_chart(pair({"equity": [1e4] * 8, "ratio": 0.5}, {"equity": [1e4] * 8, "ratio": 0.2})))
        assert "No pool was liquidated; the highest ratio was 0.50, in isolated" in said
        assert "a low one is no distance" in said

    def test_never_in_use(self):
        assert "No margin was ever in use" in words(
            margin_ratio_chart(pair({"equity": [1e4] * 8}, {"equity": [1e4] * 8}))
        )


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=lambda size: size.name)
class TestEveryChart:
    def test_synthetic_is_said(self, chart, size):
        assert "Synthetic market" in words(chart.draw(story(48, 3, synthetic=True), size))
        assert "Synthetic" not in words(chart.draw(story(48, 3), size))

    def test_dates_are_in_utc(self, chart, size):
        if chart.name.startswith("attribution"):  # it has no time axis
            assert "UTC" not in words(chart.draw(story(48, 3), size))
            return
        for hours in (48, 2_160):
            figure = chart.draw(story(hours, 3), size)
            figure.draw_without_rendering()
            assert "from 1 Oct 2025, UTC" in words(figure)

    @pytest.mark.parametrize(
        "case",
        [
            lambda: pair({"equity": [9_000.0]}, {"equity": [0.0]}, 1),
            lambda: pair({"equity": [1e4] * 8}, {"equity": [1e4] * 8}),
            lambda: pair({"equity": [9e3, 0, 0]}, {"equity": [1e-3, 0, 0]}, 3),
            lambda: pair({"equity": [1e4] * 2}, {"equity": [1e4] * 2}, 2, symbols=("$x^2$ <b>&amp;",)),
            lambda: fake_comparison({m: fake_result(fake_market(3), [1e4, 9e3, 8e3], mode=m) for m in ("mixed",)}),
            lambda: fake_comparison(
                {
                    m: fake_result(fake_market(3), [1e4, 9e3, 8e3 + k], mode=m)
                    for k, m in enumerate(("isolated", "cross", "mixed", "sub_accounts"))
                }
            ),
        ],
        ids=["one bar", "flat", "ruin", "strange name", "one mode", "four modes"],
    )
    def test_odd_runs_give_a_sensible_picture(self, chart, size, case):
        figure = chart.draw(case(), size)
        assert svg(figure).startswith("<?xml")
        assert png(figure, 40).startswith(b"\x89PNG")

    def test_svg_is_small_and_repeatable(self, chart, size):
        comparison = story(20_000, 5_000, symbols=tuple(f"COIN{k}USDT" for k in range(60)))
        drawing = svg(chart.draw(comparison, size))
        assert len(drawing) < 260_000
        assert drawing == svg(chart.draw(comparison, size))


@pytest.mark.parametrize("chart", [equity_chart, underwater_chart, margin_ratio_chart])
def test_the_longest_name_of_a_mode_fits_on_a_phone(chart):
    runs = {mode: fake_result(fake_market(8), [1e4, *[9e3] * 7], mode=mode) for mode in ("cross", "sub_accounts")}
    figure = chart(fake_comparison(runs), NARROW)
    figure.draw_without_rendering()
    assert "sub-accounts" in words(figure)
    assert all(each.get_window_extent().x1 < figure.bbox.x1 for axes in figure.axes for each in axes.texts)


def test_without_a_fall_the_drawdown_has_an_axis_to_read():
    figure = underwater_chart(pair({"equity": [1e4] * 8}, {"equity": [1e4] * 8}))
    assert figure.axes[0].get_ylim() == (-1.0, 0.0)
    assert "\u22120.0" not in words(figure)


def test_svg_follows_the_dark_theme():
    drawing = svg(equity_chart(story(48, 3)), "finding")
    assert "prefers-color-scheme:dark" in drawing
    assert "<title>finding</title>" in drawing
    colours = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawing))
    assert colours <= set(dark())  # each colour has one for dark paper


def test_coordinates_have_two_decimals():
    drawing = svg(equity_chart(story(480, 9)))
    paths = "".join(re.findall(r' d="([^"]*)"', drawing))
    assert len(paths) > 10_000
    assert not re.search(r"\.\d{3}", paths)


def test_no_global_state_of_matplotlib_is_used():
    import sys

    assert "matplotlib.pyplot" not in sys.modules


def test_a_name_in_letters_that_the_font_lacks_is_no_warning():
    """Warnings are errors here. Binance has such symbols; a browser has the letters."""
    name = "币安人生USDT"
    lost = [(3, 0, "liquidation", -1.0, 90.0, -10.0)]
    figure = liquidation_chart(pair({"equity": [1e4] * 8, "events": lost}, {"equity": [1e4] * 8}, symbols=(name,)))
    assert png(figure).startswith(b"\x89PNG")
    assert name in svg(figure)


def test_names_are_not_read_as_formulas():
    kill = [(1, 0, "liquidation", -1.0, 90.0, -10.0)]
    market = fake_market(4, ("$a_b$USDT",))
    comparison = fake_comparison({"cross": fake_result(market, [1e4] * 4, events=kill)})
    assert "$a_b$USDT" in svg(liquidation_chart(comparison)).replace("\\$", "$")


@pytest.mark.parametrize(
    ("hours", "most"), [(1, 8), (20, 8), (480, 8), (20_000, 8), (20_000, 4), (400_000, 8), (0.01, 4)]
)
def test_date_ticks_are_round_and_few(hours, most):
    ticks = date_ticks(START, START + int(hours * HOUR), most)
    assert 1 <= ticks.size <= most + 2
    assert (np.diff(ticks) > 0).all()


@pytest.mark.parametrize(
    ("first", "hours", "said"),
    [
        ("2024-01-01", 24 * 90, ["4 Jan", "18 Jan", "1 Feb", "15 Feb", "29 Feb", "14 Mar", "28 Mar"]),
        ("2024-12-31 20:00", 8, ["20:00", "21:00", "22:00", "23:00", "1 Jan", "01:00", "02:00", "03:00", "04:00"]),
        ("2024-11-01", 24 * 200, ["Nov", "Dec", "Jan 2025", "Feb", "Mar", "Apr", "May"]),
        ("2019-06-01", 24 * 365 * 5, ["2020", "2021", "2022", "2023", "2024"]),
        ("2024-01-01", 0.005, ["00:00:00", "00:00:05", "00:00:10", "00:00:15"]),
    ],
)
def test_each_tick_says_its_own_date(first, hours, said):
    start = int(np.datetime64(first, "ns").astype(np.int64))
    assert date_labels(date_ticks(start, start + int(hours * HOUR), 8)) == said


def test_a_tick_between_hundredths_is_not_rounded():
    _, (axes,) = canvas(WIDE, "title", "", synthetic=False)
    axes.set_ylim(0.07, 0.18)
    axes.set_yticks([0.075, 0.1, 0.125])
    money_axis(axes)
    axes.figure.canvas.draw()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.075", "0.100", "0.125"]


@pytest.mark.parametrize(("low", "high"), [(0.07, 0.18), (0.0, 17_500.0), (-13.0, 4.0), (1.0, 1.0 + 1e-6), (0.0, 3e-7)])
def test_ticks_of_money_say_where_they_are(low, high):
    _, (axes,) = canvas(WIDE, "title", "", synthetic=False)
    axes.set_ylim(low, high)
    money_axis(axes)
    axes.figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    shown = [float(label.replace(",", "").replace("\u2212", "-")) for label in labels]
    assert shown == pytest.approx(axes.get_yticks(), rel=0.0, abs=1e-2 * (high - low))
    assert len({len(label.partition(".")[2]) for label in labels}) == 1
    assert not any("-" in label for label in labels)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_liquidations_are_marked_at_the_foot_of_the_drawdown(size):
    comparison = story(480, 9)
    figure = underwater_chart(comparison, size)
    for mode, run in comparison.results.items():
        if run.totals["liquidations"]:
            times = artist(figure, f"liquidations-{mode}").get_xdata()
            assert len(times)
            assert set(times) <= {run.market.close_time[bar] / DAY for bar in run.liquidations["bar"]}
            assert f"{look(mode).sign} {mode}" in words(figure)
    calm = underwater_chart(pair({"equity": np.full(8, 1e4)}, {"equity": np.full(8, 1e4)}))
    assert not calm.findobj(lambda each: str(each.get_gid()).startswith("liquidations-"))
    assert "liquidations" not in words(calm)
