"""The program that draws the panels: how it is packed into a page, once, and kept."""

import gzip
from base64 import b64decode

import pytest
from plotly.offline import get_plotlyjs

from reports import program
from reports.program import packed_plotly, quick

BUNDLE = """/** a licence */
(function(root, factory) { root.moduleName = factory(); } (self, () => {
var a=W((e,t)=>{t.exports=1});p$.register([b(),c$(),d()]);z1.exports=p$;return Plotly;
}));
"""


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
    assert gzip.decompress(b64decode(program.packed_plotly())).decode() == quick(get_plotlyjs())


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
    assert gzip.decompress(b64decode(program.packed_plotly())).decode() == quick(get_plotlyjs())


def test_a_known_bundle_is_put_in_brackets_and_keeps_the_charts_of_its_core():
    assert quick(BUNDLE) == BUNDLE.replace("(self, () => {", "(self, (() => {").replace("}));\n", "})));\n").replace(
        "p$.register([b(),c$(),d()]);", ""
    )


@pytest.mark.parametrize(
    "bundle",
    ["", "}));", "(function () { return 1; })();", BUNDLE + "more();", BUNDLE.replace("=p$;", "=other;")],
    ids=["empty", "end alone", "other form", "no end", "other name"],
)
def test_of_another_form_only_what_is_known_is_changed(bundle):
    changed = quick(bundle)
    assert ("(() => {" in changed) == (bundle.endswith("}));\n"))
    assert ("register" in changed) == ("=other;" in bundle)


def test_the_installed_plotly_has_the_known_form():
    whole = get_plotlyjs()
    ready = quick(whole)
    assert ready.count("(() => {\n") == whole.count("(() => {\n") + 1
    assert len(ready) < len(whole)
    assert gzip.decompress(b64decode(packed_plotly())).decode() == ready
