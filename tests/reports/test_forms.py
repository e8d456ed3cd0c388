"""The report in its other forms: Markdown, JSON, paper; and every chart as a file of each kind."""

import hashlib
import json
import re
import xml.etree.ElementTree as ET

import pytest
from matplotlib.figure import Figure

from backtester import Account, compare_venues
from backtester.stress import stress
from reports.document import Section, document
from reports.ending import ending
from reports.markdown import markdown
from reports.paper import HEIGHT, MARGIN, WIDTH, Paper, _section, pdf_of_report, width_of
from reports.tables import metrics_table, table_of
from reports.write import write_report
from strategies import load_class
from tests.fake_result import fake_comparison, fake_market, fake_result, story
from tests.strategy_market import random_market

VENUES, SHOCKS = ("okx, isolated", "kraken, cross"), ("no shock, isolated", "A, cross")
EVIL = "<script>x</script> [a](b) `c` |d| *e*\n# f"


@pytest.fixture(scope="module")
def written(grid, tmp_path_factory):
    return write_report(grid, tmp_path_factory.mktemp("forms") / "run", paper=True).parent


def cells(line):
    """Return the cells of a line of a Markdown table, as they are read."""
    return [re.sub(r"\\(.)", r"\1", cell).strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_what_belongs_to_the_line_above_stands_farther_in():
    plain = table_of(["", "x"], [["falls", "1"], ["  and others do not", "2"]])
    assert [row.label for row in plain.rows] == ["falls", "\u00a0" * 4 + "and others do not"]
    grouped = table_of(["", "x"], [["equity", ""], ["  first", "1"], ["  second", "2"]])
    assert [(row.group, row.label) for row in grouped.rows] == [("equity", "first"), ("", "second")]
    assert table_of(["", "x"], []).rows == ()


def test_markdown_has_every_number_of_the_table(grid, written):
    rows = [cells(line) for line in (written / "report.md").read_text().splitlines() if line.startswith("|")]
    for row in metrics_table(grid).rows:
        assert [f"{row.label} [{row.unit}]" if row.unit else row.label, *row.cells] in rows
    said = (written / "report.md").read_text()
    assert grid.verdict in said
    for address in re.findall(r"!\[[^]]*\]\(([^)]*)\)", said):
        assert (written / address).is_file()
    assert said.count("](charts/") == len(list((written / "charts").glob("*.png")))


def test_markdown_keeps_names_harmless():
    market = fake_market(12, (EVIL.replace("\n", " "),), notes=(EVIL,), source=EVIL)
    run = fake_result(market, [1e4] * 12, strategy=EVIL)
    odd = fake_comparison({"cross": run}, notes=(EVIL,), venue=EVIL)
    said = markdown(document(odd), ending(odd, {}), {})
    body = said[: said.index("## Repeat it")]
    assert "<script" not in body.replace(r"\<script", "")
    assert not re.search(r"(?<!\\)\]\(b", body)
    assert not [line for line in body.splitlines() if line.startswith("# f")]
    fences = re.findall(r"^(`{3,})$", markdown(document(odd), ending(odd, {"name": "```"}), {}), re.M)
    assert len(fences) == 6
    assert set(fences) == {"```", "````"}


def test_json_says_why_they_differ(grid, written):
    said = json.loads((written / "report.json").read_text())
    classes = said["attribution"]["classes"]
    apart = grid.isolated.equity[-1] - grid.cross.equity[-1]
    assert sum(each["difference"] for each in classes.values()) == pytest.approx(apart, abs=1e-6)
    assert said["attribution"]["difference"] == apart
    assert said["contagion"]["cross"]["liquidations"] == grid.contagion["cross"].liquidations
    assert said["contagion"]["cross"]["victims"] == (grid.contagion["cross"].closings["role"] == "victim").sum()
    assert said["isolation"]["isolated"]["blocks"] == len(grid.isolation["isolated"].blocks)
    assert said["versions"]["numpy"]
    assert said["repeat"].startswith("backtester scenario run")


def test_a_report_on_paper_has_all_in_pages_of_one_size(grid, written):
    pypdfium2 = pytest.importorskip("pypdfium2", reason="reads PDF files; of the development tools")
    with pypdfium2.PdfDocument(written / "report.pdf") as paper:
        sizes = {tuple(round(side) for side in page.get_size()) for page in paper}
        said = " ".join(page.get_textpage().get_text_range() for page in paper)
    ((wide, high),) = sizes
    assert high / wide == pytest.approx(2**0.5, abs=2e-3)
    words = " ".join(said.split())
    for row in metrics_table(grid).rows:
        for cell in row.cells:
            assert cell in words, (row.label, cell)
    for heading in ("Why they differ", "What the bars hide", "Assumptions and substitutions", "Repeat it"):
        assert heading in words
    assert "numpy" in words


def test_every_chart_is_there_as_svg_png_and_pdf(written):
    charts = {file.stem for file in (written / "charts").iterdir()}
    assert charts >= {"equity", "underwater", "attribution", "liquidations", "margin-ratio", "capital"}
    for name in charts:
        assert (written / "charts" / f"{name}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert (written / "charts" / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"
        ET.fromstring((written / "charts" / f"{name}.svg").read_bytes())
        assert f"charts/{name}.pdf" in (written / "report.html").read_text()


def test_equal_reports_are_equal_bytes(tmp_path):
    first, second = (write_report(story(24, 2), tmp_path / name, paper=True).parent for name in ("a", "b"))
    for name in ("report.pdf", "report.md", "report.json", "report.html", "charts/equity.pdf", "charts/equity.svg"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


@pytest.fixture(scope="module")
def others():
    """Return a comparison of two venues and one under a shock."""
    strategy = load_class("grid_reversion").from_text(("exposure=4",))
    market, account = random_market(200, 2), Account(leverage=10)
    return (
        compare_venues(strategy, market, account, ["okx", "kraken"], check=False),
        stress(strategy, market, account, ["gap:-0.2@50%"], check=False),
    )


def test_venues_and_shocks_have_a_report_too(others):
    for result, heads in zip(others, (VENUES, SHOCKS), strict=True):
        of = document(result)
        ((_, table),) = of.sections[0].tables
        assert {row.label for row in table.rows} >= set(heads)
        first = result.first if hasattr(result, "accounts") else result.calm.first
        assert f"{first.equity[-1]:,.2f}" in table.rows[0].cells
        assert result.verdict in of.verdict
        end = ending(result if hasattr(result, "accounts") else result.calm, {})
        assert pdf_of_report(of, end, {})[:5] == b"%PDF-"


def test_there_is_no_report_of_anything_else():
    with pytest.raises(TypeError, match="no report of a dict"):
        document({})


def test_no_line_leaves_the_paper():
    paper = Paper()
    paper.words(" ".join(f'"{hashlib.sha256(bytes([k])).hexdigest()}",' for k in range(60)), 8.0)
    paper.words("W" * 500, 10.0, indent=0.15)
    lines = [line for text in paper.texts for line in text.written]
    assert len(lines) > 30
    assert all(line.left + width_of(line.words, line.size) <= WIDTH - MARGIN + 1e-9 for line in lines)


def test_a_heading_and_its_words_stand_on_the_page_of_their_chart():
    paper = Paper()
    paper.space(HEIGHT - 2 * MARGIN - 3.0)  # there is room for the words, and none for the chart
    section = Section("Why they differ", ("Each stretch is in one class.",), pictures=("one",))
    _section(paper, section, {"one": Figure((9.6, 4.4))})
    assert [len(text.written) for text in paper.texts] == [0, 2]
