"""Does what README and docs show run, exist and still come out like that?"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from backtester import Scenario, simulate
from backtester.cli import app, main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
]
RUN_PY = {"demo", "test", "setup"}


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "") -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return [body for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", text(page), re.M | re.S) if kind == language]


def command_lines(page: str) -> list[list[str]]:
    """Return the commands of a page as words, without comments."""
    lines = "\n".join(blocks(page)).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`((?:python3 run\.py|backtester) [^`]*)`", text(page))
    words = [shlex.split(line, comments=True) for line in lines if re.match(r"(python3 run\.py|\S*backtester) ", line)]
    return [line for line in words if len(line) > 1 and line[0] != "backtester:"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run `backtester` in this process."""
    monkeypatch.setattr("sys.argv", ["backtester", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code


def test_the_listings_run(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    strategy, use = blocks("README.md", "python")
    assert len([line for line in strategy.splitlines() if line.strip()]) <= 20
    (here / "my_strategy.py").write_text(strategy)
    (shown,) = (
        line for line in command_lines("README.md") if "my_strategy.py:EmaCross" in line and "synthetic" in line
    )
    run(monkeypatch, *shown[1:], "--end", "2024-03-01")
    assert "EmaCross(fast=8, slow=48, exposure=3): isolated against cross" in capsys.readouterr().out
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(strategy + use, "README.md", "exec"), names)
    assert "SYNTHETIC MARKET" in capsys.readouterr().out
    assert (here / "out/notebook/report.html").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_exist(page: str) -> None:
    known = typer.main.get_command(app)
    for line in command_lines(page):
        if line[0] == "python3":
            assert line[2] in RUN_PY, line
            line = ["backtester", *line[2:]]
            if line[1] != "demo":
                continue
        command, rest = known, line[1:]
        while hasattr(command, "commands") and (rest or not command.invoke_without_command):
            assert rest[:1] and rest[0] in command.commands, line
            command, rest = command.commands[rest[0]], rest[1:]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, line


def tokens(output: str) -> list[str]:
    return re.sub(r"[-=\u2500]{3,}", "", output).split()


def test_the_output_of_the_demo_is_real(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (pasted,) = (block for block in blocks("README.md") if "SYNTHETIC MARKET" in block)
    run(monkeypatch, "demo")
    printed = capsys.readouterr().out
    assert pasted.splitlines()[0] == printed.splitlines()[0]
    for old, new in zip(tokens(pasted), tokens(printed), strict=True):
        if old != new:  # the last digits may depend on the machine
            assert number(old) == pytest.approx(number(new), rel=0.01, abs=0.02), (old, new)


def test_the_output_of_the_tests_is_pasted() -> None:
    (line,) = (block.strip() for block in blocks("README.md") if " passed" in block)
    assert re.fullmatch(r"=+ \d+ passed(, \d+ skipped)? in .* =+", line)
    assert "_OUTPUT" not in text("README.md")


def number(word: str) -> float:
    return float(word.strip("().,;:").replace(",", "") or "nan")


def test_the_demo_is_typical() -> None:
    """What README says of a hundred seeds, on the first of them: isolated falls less, cross is mostly liquidated."""
    from backtester import Account, compare
    from backtester.cli import demo
    from data import synthetic
    from strategies import load_class

    strategy = load_class(demo.STRATEGY).from_text(demo.SETTINGS)
    account = Account(leverage=demo.LEVERAGE)
    tables = [compare(strategy, synthetic(24 * 90, 6, seed=seed), account, check=False).metrics for seed in range(8)]
    falls = [table.loc["max_drawdown_in_bars"] for table in tables]
    assert all(fall["isolated"] < fall["cross"] for fall in falls)
    assert sum(table.at["liquidations", "cross"] > 0 for table in tables) >= 4


def test_the_scenario_runs() -> None:
    (content,) = blocks("docs/scenario-format.md", "json")
    result = simulate(Scenario.from_dict(json.loads(content)))
    (killed,) = (row for row in result.to_dict()["events"] if row["kind"] == "liquidation")
    assert killed["price"] == pytest.approx((500 - 5_000) / (5_000 / 198 * 0.005 - 5_000 / 198))
    for page in ("docs/scenario-format.md", "README.md"):
        assert "/ (25.2525 * 0.005 - 25.2525)" in text(page)
    cross = json.loads(content) | {"account": {"balance": 10_000, "mode": "cross"}}
    assert [row["kind"] for row in simulate(Scenario.from_dict(cross)).to_dict()["events"]] == ["fill", "stop"]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_are_there(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text(page)):
        other = (ROOT / page).parent / target if target else ROOT / page
        assert other.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.M)
            slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in slugs, anchor


def test_the_picture_is_small() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\((.*?)\)", text("README.md"))
    assert (ROOT / picture).stat().st_size < 200_000


@pytest.mark.parametrize("page", PAGES)
def test_no_page_knows_this_machine(page: str) -> None:
    assert not re.search(r"(?<![\w.])/(work|home|root|tmp|usr|Users)\b|\.\./shared", text(page))


@pytest.mark.parametrize(
    "section",
    [
        "Levels",
        "Margin",
        "Closed forms",
        "A bar",
        "Funding",
        "Orders",
        "Margin instructions",
        "The path",
        "Liquidation",
    ],
)
def test_sections_that_docstrings_name(section: str) -> None:
    assert f"\n## {section}\n" in text("docs/model.md")


def test_every_section_named_in_a_docstring_exists() -> None:
    for file in [*ROOT.glob("backtester/**/*.py"), *ROOT.glob("data/*.py"), *ROOT.glob("reports/*.py")]:
        for section in re.findall(r'docs/model\.md,\s+"([^"]+)"', file.read_text(encoding="utf-8")):
            assert f"\n## {section}\n" in text("docs/model.md"), file
