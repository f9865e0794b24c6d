"""The living review: duplicates, what moved, the order of evidence, the expected change."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models.analyses.groups.claims import VISIBLE_SHIFT, wording
from models.analyses.update.cumulative import cumulative, years_of
from models.analyses.update.expected import after_one_arm, expected_changes
from models.analyses.update.figures import cumulative_figure
from models.analyses.update.merge import merge
from models.analyses.update.pages import moves_frame, sentences, update_markdown
from models.analyses.update.state import moved_claims, moved_numbers, state_of
from models.common.errors import InputError
from models.evidence.groupings import grouped_outcome
from models.fitting.exact import fit_groups, fit_review
from models.numerics.threads import one_blas_thread
from models.priors import DEFAULT_PRIORS

TKI, MONO = "ICI + TKI", "ICI monotherapy"


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Products of small matrices are several times slower on more."""
    with one_blas_thread():
        yield


def arms(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["study", "events", "total", "group", "year"])


@pytest.fixture(scope="module")
def review(evidence):
    return grouped_outcome(evidence, "orr", "treatment")


@pytest.fixture(scope="module")
def merged(review):
    new = arms(("New 2025", 14, 40, TKI, 2025), ("TAMURA-2019", 0, 21, MONO, 2019))
    return merge(review, new, "new.csv")


@pytest.fixture(scope="module")
def states(merged):
    return state_of(merged.before, MONO), state_of(merged.after, MONO)


def test_duplicates_are_left_out_and_new_arms_added(merged, review):
    assert merged.added == ["New 2025"]
    assert merged.duplicates == ["TAMURA-2019"]
    assert len(merged.after) == len(review) + 1
    pd.testing.assert_frame_equal(merged.before, review)


def test_a_later_report_takes_the_place_of_an_earlier_one_if_told(review):
    new = arms(("Tamura 2019", 3, 21, MONO, 2020))
    with pytest.raises(InputError, match=r"row 2, column 'study'.*0/21, here 3/21; --replace"):
        merge(review, new, "new.csv")
    found = merge(review, new, "new.csv", replace=True)
    assert found.replaced == ["Tamura 2019"]
    row = found.after.set_index("study").loc["Tamura 2019"]
    assert (row["events"], row["total"], row["year"]) == (3, 21, 2020)
    assert len(found.after) == len(review)
    assert found.before.set_index("study").loc["Tamura 2019", "events"] == 0


def test_an_unknown_group_is_refused_unless_opened(review):
    new = arms(("New 2025", 14, 40, "ICI+TKI", 2025))
    with pytest.raises(InputError, match=r"row 2, column 'group'.*'ICI\+TKI' is no group"):
        merge(review, new, "new.csv")
    found = merge(review, new, "new.csv", new_groups=True)
    assert found.after["group"].cat.categories[-1] == "ICI+TKI"
    assert found.notes == ["New 2025 opens the group ICI+TKI"]


def test_the_same_counts_under_another_label_are_noted(review):
    found = merge(review, arms(("Japan 2019", 0, 21, MONO, 2019)), "new.csv")
    assert found.added == ["Japan 2019"]
    assert "Tamura 2019" in found.notes[0]
    with pytest.raises(InputError, match="nothing changes"):
        merge(review, arms(("tamura2019", 0, 21, MONO, 2019)), "new.csv")


def test_what_moved_is_the_difference_of_two_exact_posteriors(merged, states):
    numbers = moved_numbers(*states).set_index(["quantity", "scale"])
    claims = moved_claims(*states, "orr_treatment").set_index("claim")
    for when, frame in (("_before", merged.before), ("", merged.after)):
        pool = fit_review(frame, DEFAULT_PRIORS)
        row = numbers.loc[("typical rate", "proportion")]
        assert row[f"median{when}"] == pytest.approx(float(pool.mu.rate_quantile(0.5)), rel=1e-6)
        groups = fit_groups(frame, DEFAULT_PRIORS)
        i, j = groups.group.index(TKI), groups.group.index(MONO)
        found = claims.loc[f"{TKI} above {MONO}", f"probability{when}"]
        assert found == pytest.approx(groups.prob_greater()[i, j], abs=1e-6)
        # the draws behind contrasts and ranks are of the same posterior
        state = states[0 if when else 1]
        assert (state.means[:, i] > state.means[:, j]).mean() == pytest.approx(found, abs=0.012)
        typical = expit(np.median(state.means[:, i]))
        assert typical == pytest.approx(float(groups.groups.rate_quantile(0.5)[i]), abs=0.004)
    row = claims.loc[f"{TKI} above {MONO}"]
    assert row["paper"] == "C02"
    assert claims.loc[f"{TKI} the highest", "paper"] == "C01"
    assert claims.loc[f"{MONO} the highest", "paper"] == ""
    assert row["change"] > 0
    assert row["reworded"] == (wording(row["probability"]) != wording(row["probability_before"]))


def test_nothing_moves_if_nothing_is_new(states):
    numbers, claims = moved_numbers(states[0], states[0]), moved_claims(states[0], states[0])
    assert (numbers["share"] == 0).all()
    assert not claims["reworded"].any()


def test_the_order_of_evidence_ends_where_all_is_known(review, states):
    table = cumulative(review, TKI, MONO, years_of(review, "x"))
    assert list(table["year"]) == sorted(review["year"].unique())
    assert list(table["arms"]) == [int((review["year"] <= y).sum()) for y in table["year"]]
    last = table.iloc[-1]
    pool = states[0].numbers.set_index("quantity").loc["typical rate"]
    assert last["typical_median"] == pytest.approx(pool["median"])
    claims = states[0].claims.set_index("claim")["probability"]
    assert last["probability"] == pytest.approx(claims[f"{TKI} above {MONO}"], abs=1e-9)
    # before both groups have an arm there is nothing to compare
    none = (table["arms_a"] == 0) | (table["arms_b"] == 0)
    assert table["probability"].isna().equals(none)
    figure = cumulative_figure(table, TKI, MONO)
    drawn = np.asarray(figure.axes[2].lines[0].get_ydata(), dtype=float)
    assert drawn == pytest.approx(table["probability"].to_numpy(), nan_ok=True)
    page = update_markdown("x", ["A sentence."], pd.DataFrame({"a": ["b"]}), table, None, None)
    assert "- A sentence." in page
    assert "| 2024 | 38 (5 : 13) | 1268 |" in page


def test_a_year_that_is_none_is_named(review):
    years = review["year"].astype(str).where(review["study"] != "Tamura 2019", "?")
    with pytest.raises(InputError, match=r"column 'year': Tamura 2019 has '\?'"):
        years_of(review.assign(year=years), "my.csv")
    with pytest.raises(InputError, match="no column 'year'"):
        years_of(review.drop(columns="year"), "my.csv")


def test_weighted_draws_say_what_a_new_fit_would(review, states):
    """One more arm by weights of the present draws, against the fit with that arm in it."""
    before, n = states[0], 40
    i, j = before.groups.index(TKI), before.groups.index(MONO)
    holds = (before.means[:, i] > before.means[:, j]).astype(float)[:, None]
    predictive, later = after_one_arm(before.means[:, i], before.tau, holds, n)
    assert predictive.sum() == pytest.approx(1.0)
    assert predictive @ later[:, 0] == pytest.approx(holds.mean(), abs=1e-9)
    for responders in (2, 9, 22):
        new = merge(review, arms(("New 2025", responders, n, TKI, 2025)), "new.csv").after
        again = fit_groups(new, DEFAULT_PRIORS)
        exact = again.prob_greater()[again.group.index(TKI), again.group.index(MONO)]
        assert later[responders, 0] == pytest.approx(exact, abs=0.015)


def test_the_expected_change_is_what_its_parts_say(states):
    table = expected_changes(states[0], (20,))
    assert set(table["group"]) == set(states[0].groups)
    assert table["changes"].between(0, 1).all()
    row = table[(table["group"] == TKI) & (table["claim"] == f"{TKI} above {MONO}")].iloc[0]
    means, tau = states[0].means[:6000], states[0].tau[:6000]
    i, j = states[0].groups.index(TKI), states[0].groups.index(MONO)
    holds = (means[:, i] > means[:, j]).astype(float)[:, None]
    predictive, later = after_one_arm(means[:, i], tau, holds, 20)
    now = holds.mean()
    changed = [wording(p) != wording(now) and abs(p - now) >= VISIBLE_SHIFT for p in later[:, 0]]
    assert row["changes"] == pytest.approx(predictive @ np.array(changed))
    # an arm of the group itself moves a claim on it more than an arm of a third group
    own = table[table["claim"] == f"{TKI} above {MONO}"].set_index("group")["expected_shift"]
    assert own[TKI] > own["ICI + immunomodulator"]


def test_what_happened_in_sentences(merged, states):
    numbers, claims = moved_numbers(*states), moved_claims(*states, "orr_treatment")
    told = " ".join(sentences(merged, numbers, claims, None))
    assert "1 arms added" not in told
    assert "1 arm added, none replaced by a later report, 1 was in the review already" in told
    pool = numbers.set_index("quantity").loc["typical rate"]
    assert f"to {100 * pool['median']:.1f} %" in told
    moves = moves_frame(numbers, claims).set_index("quantity")
    assert moves.loc[f"P({TKI} above {MONO}) [C02]", "change"].startswith("+0.0")
