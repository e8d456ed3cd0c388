"""Reports of a comparison: charts without files, tables of text, and the folder that holds them.

`reports.charts` and `reports.timeline` draw, `reports.tables` formats, `reports.page` puts them on a page, and
`reports.write` is the only module that touches files.
"""
