"""API keys: read from the environment or from a file outside of the project, never written anywhere."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from backtester.errors import ConfigurationError

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Credentials:
    """An API key and its secret; neither is in the text of this object."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


def variables(venue: str) -> tuple[str, str]:
    """Return the names of the environment variables of a venue: ``BINANCE_API_KEY``, ``BINANCE_API_SECRET``."""
    return f"{venue.upper()}_API_KEY", f"{venue.upper()}_API_SECRET"


def find(venue: str, file: str | Path | None = None) -> Credentials | None:
    """Return the credentials of a venue, None if there are none.

    Parameters
    ----------
    venue : str
    file : path, optional
        A TOML file with a table for each venue: ``[binance]``, ``key = "..."``, ``secret = "..."``. Without it, the
        environment is read.

    Raises
    ------
    ConfigurationError
        For half a pair, and for a file that is missing, unreadable, within the project, or open to others.
    """
    if file is not None:
        return _from_file(venue, Path(file).expanduser())
    names = variables(venue)
    key, secret = (os.environ.get(name, "").strip() for name in names)
    if bool(key) != bool(secret):
        lacking = names[0] if secret else names[1]
        raise ConfigurationError(lacking, "", "is not set, but its other half is", cure=f"Set {' and '.join(names)}")
    return Credentials(key, secret) if key else None


def _from_file(venue: str, path: Path) -> Credentials | None:
    place = str(path)
    if not path.is_file():
        raise ConfigurationError("credentials", place, "is no file", cure="Give the path of a TOML file")
    if path.resolve().is_relative_to(PROJECT):
        cure = "Move it out, so that it stays out"
        raise ConfigurationError("credentials", place, "lies within the project", cure=cure)
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError("credentials", place, "can be read by others", cure=f"chmod 600 {path}")
    try:
        table = tomllib.loads(path.read_text("utf-8")).get(venue)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        cure = f'Write [{venue}], key = "...", secret = "..."'  # without the parser's words: they may quote the secret
        raise ConfigurationError("credentials", place, "is not TOML", cure=cure) from error
    if table is None:
        return None
    key, secret = (table.get(name) if isinstance(table, dict) else None for name in ("key", "secret"))
    if not (isinstance(key, str) and key and isinstance(secret, str) and secret):
        cure = f'Write [{venue}], key = "...", secret = "..."'
        raise ConfigurationError("credentials", place, f"has no key and secret for {venue}", cure=cure)
    return Credentials(key, secret)
