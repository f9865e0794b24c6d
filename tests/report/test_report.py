"""The report of the re-analysis: whole in one file, and nothing in it but what the tables hold."""

import base64
import gzip
import io
import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from models.common.constants import FIGURES_DIR
from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.render.escape import spreadsheet_frame
from models.render.style import BAND, FAINT, INK
from models.report.captions import all_captions
from models.report.material import Material
from models.report.report_treatments import _turned
from tests.render.pages import Reader


@pytest.fixture(scope="module")
def page(report: Path) -> str:
    return report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    return Reader(page)


def test_it_is_one_file_below_three_megabytes_that_points_to_dois_only(
    page: str, read: Reader
) -> None:
    assert len(page.encode()) < 3e6
    outside = [a for a in read.addresses if not a.startswith(("#", "data:"))]
    assert outside
    assert all(address.startswith("https://doi.org/10.") for address in outside)
    inside = {address[1:] for address in read.addresses if address.startswith("#")}
    assert inside <= set(read.ids)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_ids_are_unique_and_headings_in_order(read: Reader) -> None:
    assert len(read.ids) == len(set(read.ids))
    headings = [int(tag[1]) for tag in read.tags if re.fullmatch("h[1-6]", tag)]
    assert headings.count(1) == 1
    assert headings.count(2) == 10
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_everything_is_there_before_a_script_runs(page: str) -> None:
    body = page[: page.index("<script>")]
    assert body.count('<svg role="img" aria-label=') == body.count("<svg") >= 10
    for outcome in OUTCOMES.values():
        assert outcome.split("-")[0] in body
    for treatment in TREATMENTS:
        assert f"Compared with {treatment}" in body
    for words in ("Epithelioid hemangioendothelioma", "10.3390/cancers15030906", "SHA-256"):
        assert words in body


def test_each_csv_is_the_file(page: str, material: Material) -> None:
    saved = dict(re.findall(r'data-name="([^"]+)[.]csv" data-csv="([^"]+)"', page))
    assert saved.keys() == material.places.keys() == material.tables.keys()
    for name, packed in saved.items():
        text = gzip.decompress(base64.b64decode(packed)).decode()
        pd.testing.assert_frame_equal(
            pd.read_csv(io.StringIO(text)),
            spreadsheet_frame(pd.read_csv(FIGURES_DIR / f"{material.places[name]}.csv")),
            check_exact=True,
        )


def test_every_arm_opens_to_what_is_known_of_it(page: str, material: Material) -> None:
    table = page[page.index("Arms: events/patients") : page.index('id="claims"')]
    assert table.count("<details>") == len(material.evidence.arms) == 38
    assert (
        table.count("https://doi.org/")
        == material.evidence.arms["publication_id"]
        .map(material.evidence.publications.set_index("publication_id")["doi"].notna())
        .sum()
    )
    shi = table[table.index("<summary>Shi 2020") :]
    shi = shi[: shi.index("</details>")]
    for words in (
        "geptanolimab 3 mg/kg",
        "Alveolar soft-part sarcoma 37",
        "3/37 grade 3, no grade 4",
    ):
        assert words in shi


def test_a_reference_turns_contrasts_round(material: Material) -> None:
    contrasts = material.tables["groups_orr_treatment_contrasts"]
    typical = contrasts[contrasts["estimand"] == "typical"]
    for row in typical[typical["scale"] == "odds_ratio"].itertuples():
        same = _turned(typical, "odds_ratio", row.a, row.b)
        assert same == (row.median, row.lower, row.upper, row.p_superior)
        other = _turned(typical, "odds_ratio", row.b, row.a)
        assert other == pytest.approx(
            (1 / row.median, 1 / row.upper, 1 / row.lower, 1 - row.p_superior)
        )
    for row in typical[typical["scale"] == "risk_difference"].itertuples():
        other = _turned(typical, "risk_difference", row.b, row.a)
        assert other == (-row.median, -row.upper, -row.lower, 1 - row.p_superior)


def test_every_figure_that_is_drawn_has_a_legend(material: Material) -> None:
    captions = all_captions(material.cite)
    assert set(material.figures) <= set(captions)
    for caption in captions.values():
        assert caption.title.endswith(".")
        assert "  " not in caption.title + caption.rest


def test_words_of_figures_and_page_stand_out_from_their_ground() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for words in (INK, FAINT):
        for ground in ("#ffffff", BAND):
            assert (luminance(ground) + 0.05) / (luminance(words) + 0.05) >= 4.5
