"""Texts against the tables they cite: README, discussion, and the committed results."""

import json
import re

import pandas as pd
import pytest

from models.common.constants import PROJECT_ROOT
from models.render.output import write_output
from models.report.readme import with_headline
from models.report.run import texts

FIGURES = PROJECT_ROOT / "figures"
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)*(?![\w])")


def numbers_of(text: str) -> list[str]:
    text = re.sub(r"\b(?:PD|CTLA)-\w+", "", text)
    text = re.sub(r"CMB305|RECIST 1\.1|D'Angelo 2018|Chawla 2022|`[^`]*`", "", text)
    text = re.sub("[Gg]rade 3-5|per 100\\b", "", text)
    # where a reference is printed
    text = re.sub(
        r"(?:Stat Med|Bayesian Anal|Pharm Stat|Front Psychol), volume \d+, page \d+", "", text
    )
    return NUMBER.findall(text)


@pytest.fixture(scope="module")
def discussion() -> str:
    return (FIGURES / "discussion.md").read_text(encoding="utf-8")


def test_the_headline_of_the_readme_is_what_the_tables_say():
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    assert with_headline(readme, FIGURES) == readme


def test_the_discussion_is_what_the_tables_say(tables, tmp_path):
    """Page, its LaTeX and the places of its numbers, byte for byte."""
    pages, numbers = texts(tables)
    written = [*write_output(pages, tmp_path), *write_output(numbers, tmp_path / "run")]
    assert len(written) == 3
    for path in written:
        assert path.read_bytes() == (FIGURES / path.relative_to(tmp_path)).read_bytes(), path.name


def test_every_number_of_the_discussion_stands_in_a_table(tables, discussion):
    sources = pd.read_csv(FIGURES / "run" / "discussion_numbers.csv", dtype=str)
    known = set(sources["text"].str.replace("[<> ]", "", regex=True))
    versions = set(tables["software"]["version"].astype(str))
    found = numbers_of(discussion)
    assert len(found) > 100
    # trials are called by author and year
    years = set(tables["case_mix_external"]["trial"].str.extract(r"(\d{4})")[0].dropna())
    missing = [n for n in found if n not in known | versions | years]
    assert missing == []


def test_every_cited_number_is_its_cell_rounded(tables):
    sources = pd.read_csv(FIGURES / "run" / "discussion_numbers.csv", dtype={"text": str})
    assert len(sources) > 80
    for source in sources.itertuples():
        frame = tables[source.table]
        for part in source.row.split("; "):
            column, _, wanted = part.partition("=")
            frame = frame[frame[column].astype(str) == wanted]
        assert len(frame) == 1, source
        value = float(frame[source.column].iloc[0])
        assert value == pytest.approx(source.value, rel=1e-12)
        shown = float(re.sub("[<> ]", "", source.text))
        digits = len(source.text.partition(".")[2])
        half = 0.5 * 10.0**-digits * 1.000001
        as_is = abs(shown - value) <= half
        as_percent = abs(shown - 100 * value) <= half
        beyond = source.text[0] in "<>" and (value <= 0.001 or value >= 0.999)
        assert as_is or as_percent or beyond, source


def test_the_readme_counts_the_pinned_data_sets():
    reference = PROJECT_ROOT / "tests" / "reference"
    readme = " ".join((PROJECT_ROOT / "README.md").read_text(encoding="utf-8").split())
    for name, words in (
        ("freeman_tukey_metafor", "`metafor` on {} data sets to 1e-8"),
        ("glmm_metafor_lme4", "`metafor` and `lme4` on {} to 5e-5"),
    ):
        pins = json.loads((reference / f"{name}.json").read_text())["data_sets"]
        assert words.format(len(pins)) in readme


def test_all_committed_fits_passed_the_gate(tables):
    gates = tables["diagnostics"]
    assert len(gates) > 30
    assert (gates["gate"] == "passed").all()
    assert (gates["rhat_max"] <= 1.01).all()
    assert (gates[["ess_bulk_min", "ess_tail_min"]] >= 400).all(axis=None)


def test_published_pools_pass_the_validation(tables):
    pools = tables["pools"]
    printed = pools[pools["id"].str.startswith("P")]
    assert len(printed) == 24
    large = printed[printed["k"] >= 5]
    assert (large["verdict"] == "passes").all()
    assert (large["difference"].abs() <= 0.030).all()
    assert (large["overlap"] >= 0.75).all()
    middle = printed[printed["k"].isin([3, 4])]
    assert (middle["difference"].abs() <= 0.035).all()
    small = printed[printed["k"] <= 2]
    assert (small["verdict"] == "reported").all()
    assert small["reason"].str.contains("fixed-effect").all()


@pytest.mark.parametrize("text", ["README.md", "data/README.md", "figures/discussion.md"])
def test_linked_files_exist(text):
    path = PROJECT_ROOT / text
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
