"""What the first bytes of a picture's file are."""

from __future__ import annotations

from pathlib import Path

STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


def is_picture(file: Path) -> bool:
    """Return whether a file is a picture of the form that its ending says."""
    return file.read_bytes().startswith(STARTS[file.suffix])
