"""Test that the page has a place for every table and figure of the catalogue and for no others."""

import re
from typing import get_args

from untold.catalogue import figures, tables
from untold.report.page import TEMPLATES

TEMPLATE = (TEMPLATES / "report.html.j2").read_text(encoding="utf-8")


def test_every_place_of_the_catalogue_is_on_the_page_and_the_other_way_round():
    shown = set(re.findall(r'(?:tables|tables_at)\((?:d, )?"(\w+)"', TEMPLATE))
    assert shown == {table.page.place for table in tables.TABLES.values() if table.page} - {"comparison"}
    assert shown | {"comparison"} == set(get_args(tables.Place))
    drawn = set(re.findall(r'(?:figures|figures_at)\((?:d, |page\.first, )?"(\w+)"', TEMPLATE))
    assert drawn == {figure.place for figure in figures.FIGURES.values()} == set(get_args(figures.Place))
