"""The comparison with the paper: nothing disappears, nothing new disagrees."""

import pytest

from models.analyses.paper.pages import comparison_markdown, unexpected
from models.analyses.paper.recompute import agreement_counts, compare_published
from models.frequentist.freeman_tukey import freeman_tukey_pool


@pytest.fixture(scope="module")
def comparison(evidence):
    return compare_published(evidence)


def test_every_published_value_has_its_row(comparison):
    assert comparison["id"].tolist() == [f"P{i:03d}" for i in range(1, 132)]
    assert set(comparison["status"]) == {"agrees", "differs", "not_recomputable"}


def test_only_the_known_values_differ(comparison, evidence):
    differing = comparison[comparison["status"] == "differs"]
    known = evidence.known_disagreements
    assert set(differing["id"]) == {"P031", "P072"} == set(known["id"])
    assert differing["reason"].str.contains("recomputed").all()
    assert unexpected(comparison, evidence) == []
    for row in known.itertuples():
        value = comparison.set_index("id").loc[row.id, row.statistic]
        assert f"{value:.2f}" == row.recomputed


def test_a_new_disagreement_is_noticed(comparison, evidence):
    changed = comparison.copy()
    changed.loc[changed["id"] == "P001", "status"] = "differs"
    changed.loc[changed["id"] == "P031", "status"] = "agrees"
    assert unexpected(changed, evidence) == ["P001", "P031"]


def test_sixty_one_estimates_and_what_their_agreement_rests_on(comparison):
    counts = agreement_counts(comparison)
    assert counts.loc["direct", "total"] == 28
    assert counts.loc["by_inversion", "total"] == 20
    assert counts.loc["check_of_inversion", "total"] == 13
    # P031 differs in its I2 only
    assert counts["agrees"].tolist()[:3] == [28, 19, 13]
    first = comparison[comparison["id"].between("P001", "P064")]
    estimates = first[~first["id"].isin(["P012", "P019", "P027"])]
    assert len(estimates) == 61
    assert (estimates["status"] != "not_recomputable").all()


def test_what_cannot_be_recomputed_says_why(comparison):
    rest = comparison[comparison["status"] == "not_recomputable"]
    assert (rest["reason"].str.len() > 10).all()
    assert rest[["estimate", "lower", "upper", "i2", "p"]].isna().all(axis=None)


def test_figure_4_pools_treatment_groups_not_studies(comparison):
    row = comparison.set_index("id").loc["P033"]  # synovial sarcoma: "21 studies", five groups
    assert (row["k"], row["printed_k"]) == (5, "21")


@pytest.mark.parametrize("figure", ["Fig. 2", "Fig. 3", "Fig. 5"])
def test_printed_weights_agree_to_the_last_digit(evidence, figure):
    outcome = "trae" if figure == "Fig. 5" else "orr"
    arms = evidence.outcome(outcome).set_index("arm_id")
    printed = evidence.printed_weights.query("figure == @figure")
    assert len(printed) == {"Fig. 2": 38, "Fig. 3": 26, "Fig. 5": 20}[figure]
    for _, pool in printed.groupby("pool"):
        members = arms.loc[pool["arm_id"]]
        weights = freeman_tukey_pool(members["events"], members["total"]).weights
        # printed with two decimals: half a unit of the last digit
        assert weights == pytest.approx(pool["weight_percent"].astype(float), abs=0.00501)


def test_the_page_splits_the_agreements_by_basis(comparison):
    page = comparison_markdown(comparison)
    assert "28 of 28" in page
    assert "by construction" in page
    assert "60 of 61" not in page
