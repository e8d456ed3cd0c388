"""The program that draws the panels, as it is packed into a page."""

import gzip
from base64 import b64decode

import pytest
from plotly.offline import get_plotlyjs

from reports.program import packed_plotly, quick

BUNDLE = """/** a licence */
(function(root, factory) { root.moduleName = factory(); } (self, () => {
var a=W((e,t)=>{t.exports=1});p$.register([b(),c$(),d()]);z1.exports=p$;return Plotly;
}));
"""


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
