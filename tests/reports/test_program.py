"""The program of a page is packed once and kept, and what is kept is what was packed."""

import gzip
from base64 import b64decode

import pytest
from plotly.offline import get_plotlyjs

from reports import program


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Return the file that keeps the program, in a cache of its own; nothing is remembered in memory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program.packed_plotly.cache_clear()
    yield program._place()
    program.packed_plotly.cache_clear()


def again():
    program.packed_plotly.cache_clear()
    return program.packed_plotly()


def test_what_is_packed_is_plotly(kept):
    assert gzip.decompress(b64decode(program.packed_plotly())).decode() == get_plotlyjs()


def test_the_second_time_it_is_read(kept, monkeypatch):
    first = program.packed_plotly()
    assert [file.name for file in kept.parent.iterdir()] == [kept.name]  # no draft is left
    monkeypatch.delattr(program, "_packed")
    assert again() == first


@pytest.mark.parametrize("spoilt", [lambda text: text[:-1], lambda text: "", lambda text: text + "\u00e9"])
def test_a_spoilt_file_is_made_anew(kept, spoilt):
    first = program.packed_plotly()
    whole = kept.read_text("ascii")
    kept.write_text(spoilt(whole), "utf-8")
    assert again() == first
    assert kept.read_text("ascii") == whole


def test_a_cache_that_cannot_be_written_is_done_without(kept):
    kept.parent.parent.write_text("a file where the folder should be")
    assert gzip.decompress(b64decode(program.packed_plotly())).decode() == get_plotlyjs()
