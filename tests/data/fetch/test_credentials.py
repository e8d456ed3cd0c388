"""API keys: found in the environment or in a file that is nobody else's, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtester.errors import ConfigurationError
from data.fetch.client import Connection
from data.fetch.credentials import PROJECT, Credentials, find

GOOD = '[binance]\nkey = "the-key"\nsecret = "the-secret"\n'


def file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find("binance") is None
    monkeypatch.setenv("BINANCE_API_KEY", "the-key")
    with pytest.raises(ConfigurationError, match="BINANCE_API_SECRET: is not set, but its other half is"):
        find("binance")
    monkeypatch.setenv("BINANCE_API_SECRET", " the-secret\n")
    assert find("binance") == Credentials("the-key", "the-secret")


def test_from_a_file(tmp_path: Path) -> None:
    path = file(tmp_path, GOOD)
    assert find("binance", path) == Credentials("the-key", "the-secret")
    assert find("bybit", path) is None


def test_no_text_of_it_shows_a_key() -> None:
    key = Credentials("the-key", "the-secret")
    for shown in (repr(key), str(key), repr(Connection(credentials=key))):
        assert "the-" not in shown


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (GOOD, 0o644, r"can be read by others; .* chmod 600|Chmod 600"),
        ('[binance]\nkey = "the-key"\nsecret = the-secret\n', 0o600, "is not TOML"),
        ('[binance]\nkey = "the-key"\n', 0o600, "has no key and secret for binance"),
        ('binance = "the-key"\n', 0o600, "has no key and secret for binance"),
    ],
)
def test_files_that_are_refused(text: str, mode: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        find("binance", file(tmp_path, text, mode))
    assert "the-" not in str(raised.value)


def test_a_file_within_the_project_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.fetch.credentials.PROJECT", tmp_path)
    with pytest.raises(ConfigurationError, match="lies within the project"):
        find("binance", file(tmp_path, GOOD))
    assert (PROJECT / "setup.cfg").is_file()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"credentials: is no file; found '.*none\.toml'"):
        find("binance", tmp_path / "none.toml")
