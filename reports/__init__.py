"""Reports of a comparison: charts without files, tables of text, and the folder that holds them.

`reports.charts`, `reports.timeline` and `reports.waterfall` draw, `reports.tables` and `reports.why` format,
`reports.panels` packs what the page's panels draw, `reports.page` puts it all on a page, and `reports.write` is the
only module that touches files.
"""
