"""Reports of a comparison: charts without files, tables of text, and the folder that holds them.

`reports.charts`, `reports.timeline` and `reports.waterfall` draw, `reports.tables` and `reports.why` format,
`reports.panels` packs what the page's panels draw, `reports.page` puts it all on a page. `reports.document` is the same
report in other forms, for `reports.markdown` and `reports.paper`, and `reports.ending` what each of them ends with.
`reports.write` and `reports.pictures` are the only modules that touch files.
"""
