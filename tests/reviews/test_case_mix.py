"""A user's own case-mix review and patient mix, from their files."""

from pathlib import Path

import numpy as np
import pytest

from models.common.errors import InputError
from models.reviews.case_mix import read_case_mix, read_mix

FILES = {
    "arms.csv": "arm,treatment,responders\nA,mono,3\nB,mono,1\nC,TKI,4\n",
    "composition.csv": "arm,subtype,patients\nA,x,5\nA,y,5\nB,x,4\nB,y,4\nC,x,6\nC,y,3\n",
    "subtype_treatment.csv": "subtype,treatment,responders\nx,mono,3\nx,TKI,3\n",
    "known.csv": "arm,subtype,responders\nA,x,2\n",
}


def write(folder: Path, **changes: str) -> Path:
    """Write the files of a review, some of them changed; empty text leaves a file out."""
    texts = FILES | {name.replace("_csv", ".csv"): text for name, text in changes.items()}
    for name, text in texts.items():
        if text:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_users_folder(tmp_path: Path) -> None:
    review = read_case_mix(write(tmp_path))
    assert review.treatments == ["mono", "TKI"]
    assert review.margins.set_index(["treatment", "subtype"])["events"].to_dict() == {
        ("mono", "x"): 3,
        ("mono", "y"): 1,
        ("TKI", "x"): 3,
        ("TKI", "y"): 1,
    }
    # A: 2 of x are stated, so 1 of y; then B has 1 of x and 0 of y
    assert not review.lattice.free.any()
    np.testing.assert_array_equal(review.lattice.ranges[0], [2, 1, 1, 0, 3, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"arms_csv": FILES["arms.csv"].replace("A,mono,3", "A,mono,11")},
            "arm 'A': 11 responders",
        ),
        ({"arms_csv": FILES["arms.csv"] + "D,TKI,1\n"}, "arms.csv, row 5, column 'arm': 'D'"),
        ({"composition_csv": FILES["composition.csv"] + "E,x,2\n"}, "row 8, column 'arm': 'E'"),
        ({"composition_csv": FILES["composition.csv"] + "A,x,2\n"}, "stands already in row 2"),
        ({"composition_csv": FILES["composition.csv"] + "A,z,0\n"}, "0 patients"),
        ({"subtype_treatment_csv": "subtype,treatment,responders\nq,mono,1\n"}, "'q' is not in"),
        ({"subtype_treatment_csv": "subtype,treatment,responders\nx,mono,10\n"}, "10 responders"),
        (
            {"subtype_treatment_csv": "subtype,treatment,responders\nx,mono,3\ny,mono,2\n"},
            "treatment 'mono': the arms have 4 responders, the subtypes 5",
        ),
        ({"known_csv": "arm,subtype,responders\nA,z,1\n"}, "known.csv, row 2, column 'subtype'"),
        ({"known_csv": "arm,subtype,responders\nA,x,0\nB,x,0\n"}, "no table of responders"),
        ({"arms_csv": ""}, "arms.csv: no such file"),
    ],
)
def test_a_faulty_folder_is_one_line(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_case_mix(write(tmp_path, **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_patient_mix(tmp_path: Path) -> None:
    path = tmp_path / "mix.csv"
    path.write_text("subtype,patients\ny,3\nx,1\n", encoding="utf-8")
    assert read_mix(path, ["x", "y", "w"]).to_dict() == {"x": 0.25, "y": 0.75, "w": 0.0}
    path.write_text("subtype,patients\nq,3\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2, column 'subtype': 'q' is not in the review"):
        read_mix(path, ["x", "y"])


def test_columns_of_the_user_are_left_out(tmp_path: Path) -> None:
    """Also those called as the model calls its own, and names in capitals."""
    arms = (
        "Arm,Treatment,Responders,events,total,note\nA,mono,3,9,9,x\nB,mono,1,9,9,\nC,TKI,4,9,9,\n"
    )
    review = read_case_mix(write(tmp_path, arms_csv=arms))
    assert review.arms["events"].tolist() == [3, 1, 4]
    assert review.arms["total"].tolist() == [10, 8, 9]
    text = FILES["composition.csv"] + "A,(subtypes not listed),1\n"
    with pytest.raises(InputError, match="is a reserved label"):
        read_case_mix(write(tmp_path, composition_csv=text))
