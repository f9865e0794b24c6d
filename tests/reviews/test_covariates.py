"""Designs from columns of a review: units, levels, what is missing, what is refused."""

import numpy as np
import pandas as pd
import pytest

from models.common.errors import InputError
from models.reviews.covariates import Covariate, design_matrix, make_design, parse_units

REVIEW = pd.DataFrame(
    {
        "study": list("ABCDE"),
        "events": [1, 2, 3, 4, 5],
        "total": [10] * 5,
        "age": ["50", "60", "", "70", "40"],
        "site": ["n", "n", "s", "", "n"],
        "same": ["1"] * 5,
        "mixed": ["1", "2", "3", "x", "4"],
        "blank": [""] * 5,
    }
)


def test_numbers_are_centred_in_their_unit_and_blanks_stay_missing() -> None:
    design = make_design(REVIEW, [Covariate("age", 10.0)], "file")
    matrix, labels = design_matrix(design.frame)
    assert labels == ["age"]
    np.testing.assert_allclose(matrix[:, 0], [-0.5, 0.5, np.nan, 1.5, -1.5])
    assert design.terms[0].missing == 1
    assert design.row({"age": 65}) == pytest.approx([1.0])
    # without a unit it is a standard deviation
    by_sd = make_design(REVIEW, [Covariate("age")], "file")
    assert by_sd.terms[0].unit == pytest.approx(np.std([50, 60, 70, 40], ddof=1))


def test_levels_are_compared_with_the_most_frequent_and_blank_is_one() -> None:
    design = make_design(REVIEW, [Covariate("site")], "file")
    assert [(t.level, t.reference) for t in design.terms] == [("s", "n"), ("not reported", "n")]
    matrix, _ = design_matrix(design.frame)
    np.testing.assert_allclose(matrix[:, 0], [-0.2, -0.2, 0.8, -0.2, -0.2])
    difference = design.row({"site": "s"}) - design.row({"site": "n"})
    np.testing.assert_allclose(difference, [1, 0])
    with pytest.raises(InputError, match="no level 'w'"):
        design.row({"site": "w"})


@pytest.mark.parametrize(
    ("covariates", "words"),
    [
        ([], "at least one"),
        ([Covariate("agee")], "did you mean 'age'"),
        ([Covariate("age"), Covariate("age")], "named twice"),
        ([Covariate("same")], "explains nothing"),
        ([Covariate("mixed")], "'x' is not a number"),
        ([Covariate("blank")], "blank in every row"),
        ([Covariate("age", -1.0)], "positive"),
        ([Covariate("site", 2.0)], "has levels"),
        ([Covariate("site", reference="w")], "no row has the level 'w'"),
    ],
)
def test_what_cannot_be_is_refused(covariates: list[Covariate], words: str) -> None:
    with pytest.raises(InputError) as raised:
        make_design(REVIEW, covariates, "file")
    assert words in str(raised.value)


def test_units_are_read() -> None:
    assert parse_units(["year=3,age=10"], ["age", "year"]) == {"year": 3.0, "age": 10.0}
    for text in ("year", "year=x", "year=-1", "sex=2"):
        with pytest.raises(InputError, match="--unit"):
            parse_units([text], ["year"])
