"""The HTML report: whole, self-contained, and nothing in a label acts in it."""

import base64
import gzip
import io
import re

import pandas as pd
import pytest
from matplotlib.figure import Figure

from models.render.html import chosen, csv, figure, inline_svg, prose, table
from models.render.style import svg
from models.report.html import review_report
from tests.render.pages import Reader

EVIL = '<script>alert("1")</script>|[x](javascript:alert(1)) =1+1'


def drawn(label: str = "a label") -> str:
    """Return the SVG of a small figure with clipped lines and markers."""
    drawing = Figure(figsize=(85 / 25.4, 1))
    axes = drawing.subplots()
    axes.plot([0, 1, 2], "o-")
    axes.set_title(label)
    return svg(drawing)


def test_two_figures_share_no_id_and_keep_their_own_parts() -> None:
    text = str(figure("one", drawn(), "One", "*Rest*.") + figure("two", drawn(), "Two"))
    page = Reader(text)
    assert len(page.ids) == len(set(page.ids)) > 10
    used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)
    assert used
    assert {a or b for a, b in used} <= set(page.ids)
    assert text.count('role="img"') == 2
    assert "<em>Rest</em>" in text
    assert "font-family" not in text


def test_a_label_of_a_figure_is_text() -> None:
    text = inline_svg(drawn(EVIL.replace("$", "")), "x", EVIL)
    assert "script" not in Reader(text).tags
    assert 'alert("1")' in "".join(Reader(text).words)


def test_cells_and_captions_are_text_and_numbers_sort() -> None:
    frame = pd.DataFrame(
        {EVIL: [EVIL, "b", "c"], "rate": [0.123456789, -2.0, float("nan")], "k": [1, 20, 3]}
    )
    text = str(table(frame, EVIL, filtered=True))
    page = Reader(text)
    assert "script" not in page.tags
    assert page.addresses == []
    assert "".join(page.words).count("<script>") == 3
    assert "<td class=n>0.1235<" in text
    assert "<td class=n data-sort=-2>−2<" in text
    assert "<td class=n><td class=n>3" in text
    assert page.tags.count("th") == 6


def test_rows_open_to_their_details() -> None:
    frame = pd.DataFrame({"study": ["A", "B"], "n": [1, 2]})
    text = str(table(frame, "Arms", [prose("first *arm*"), prose("second")]))
    assert Reader(text).tags.count("details") == 2
    assert 'data-sort="A"><details><summary>A</summary>' in text


def test_prose_points_to_dois_only_and_moves_headings() -> None:
    text = str(
        prose(f"# One\n\n## Two\n\n[a](b.csv) [c](https://doi.org/10.1/x) ![d](e.png)\n\n{EVIL}")
    )
    page = Reader(text)
    assert page.addresses == ["https://doi.org/10.1/x"]
    assert [tag for tag in page.tags if tag[0] == "h"] == ["h3", "h4"]
    assert "script" not in page.tags


def test_csv_holds_the_frame_in_full_and_nothing_that_a_spreadsheet_computes() -> None:
    frame = pd.DataFrame({"a": [1 / 3, 1e-300], "b": ["=1+1", "é"]})
    found = re.search(r'data-csv="([^"]+)"', str(csv(frame, "t")))
    assert found is not None
    back = pd.read_csv(io.BytesIO(gzip.decompress(base64.b64decode(found[1]))))
    assert back["a"].tolist() == frame["a"].tolist()
    assert back["b"].tolist() == ["'=1+1", "é"]


def test_a_choice_shows_one_and_holds_all() -> None:
    text = str(chosen("ref", "Against", {"A": prose("one"), "B": prose("two")}))
    assert text.count('type="radio"') == 2
    assert text.count(" checked") == 1
    assert "one" in text
    assert "two" in text


def test_report_of_a_review_is_whole() -> None:
    drawing = Figure(figsize=(85 / 25.4, 1))
    drawing.subplots().plot([1, 2])
    frame = pd.DataFrame({"study": [EVIL], "events": [1]})
    page = review_report(
        EVIL,
        "Of 100 patients 16 respond.",
        warnings="The prior decides.",
        figures={"forest": (drawing, "The arms.", "Grey: observed.")},
        tables={"arms": (frame, "Arms")},
        text="## Methods\n\nWe pooled.",
        checks="Every check passed.",
        facts={"Input": f"{EVIL}, sha256 abc"},
    )
    read = Reader(page)
    assert len(read.ids) == len(set(read.ids))
    assert read.tags.count("h1") == 1
    assert read.tags.count("h2") == 5
    assert read.tags.count("script") == 1
    assert [a for a in read.addresses if a[0] != "#"] == ["data:,"]
    assert {a[1:] for a in read.addresses if a[0] == "#"} <= set(read.ids)
    for word in ("Of 100 patients 16 respond.", "The prior decides.", "We pooled."):
        assert word in page
    assert "sortable" in page


def test_what_is_no_svg_is_refused() -> None:
    with pytest.raises(ValueError, match="substring not found"):
        inline_svg("no figure", "x", "y")
