"""Strata: the paper's and a user's."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from models.common.errors import InputError
from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.reviews.strata import (
    family_codes,
    family_totals,
    read_cells,
    read_strata,
    strata_of_cells,
)


def write(folder: Path, text: str) -> Path:
    path = folder / "strata.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_strata_are_the_papers_disjoint_subtypes(evidence: Evidence) -> None:
    strata = evidence.strata()
    codes, families = family_codes(strata)
    assert families == ["LPS"]
    assert set(strata.loc[codes == 0, "stratum"]) == {"DDLPS", "MLS", "PLS", "LPS, unspecified"}
    assert family_totals(strata).to_dict("records") == [
        {"stratum": "LPS", "events": 22, "total": 159}
    ]
    assert (len(strata), strata["total"].sum(), strata["events"].sum()) == (24, 1140, 215)


def test_cells_sum_to_the_strata(evidence: Evidence) -> None:
    from models.evidence.load import paper_cells

    cells = paper_cells(evidence)
    assert len(cells) == 83
    assert list(cells["treatment"].cat.categories) == list(TREATMENTS)
    columns = ["stratum", "events", "total", "parent"]
    pd.testing.assert_frame_equal(
        strata_of_cells(cells)[columns], evidence.strata()[columns], check_dtype=False
    )


def test_a_parent_is_a_label(tmp_path: Path) -> None:
    strata = read_strata(write(tmp_path, "Stratum,events,total,Parent\na,1,9,fam\nb,2,8,\n"))
    assert strata["parent"].isna().tolist() == [False, True]
    codes, families = family_codes(strata)
    assert (codes.tolist(), families) == ([0, -1], ["fam"])
    without = read_strata(write(tmp_path, "stratum,events,total\na,1,9\n"))
    assert family_codes(without)[1] == []


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (read_strata, "stratum,events\na,1\n", "no column 'total'"),
        (read_strata, "stratum,events,total\na,1,2\na,0,3\n", "'a' stands already in row 2"),
        (read_strata, "stratum,events,total\na,5,2\n", "5 is more than the total of 2"),
        (
            read_strata,
            "stratum,events,total,parent\nLPS,9,45,\nDDLPS,11,62,LPS\n",
            "stratum 'DDLPS', column 'parent': 'LPS' is itself a stratum",
        ),
        (
            read_cells,
            "stratum,treatment,events,total\na,x,1,2\na,x,1,3\n",
            "row 3, column 'treatment': 'a' x 'x' stands already in row 2",
        ),
        (read_cells, "stratum,treatment,events,total\na,,1,2\n", "the cell is blank"),
        (read_cells, "stratum,treatment,events,total\na,x,0,0\n", "0 patients"),
        (read_cells, "stratum,events,total\na,1,2\n", "no column 'treatment'"),
        (
            read_strata,
            "stratum,events,total,parent,Parent\na,1,9,f,g\n",
            "row 1: column 'parent' stands there twice",
        ),
        (
            read_cells,
            "stratum,treatment,events,total,PARENT,parent\na,x,1,9,f,g\n",
            "row 1: column 'parent' stands there twice",
        ),
        (read_cells, ",,\n", "the file is empty"),
        (
            read_cells,
            "stratum,treatment,events,total,parent\na,x,1,2,f\na,y,1,3,g\n",
            "stratum 'a', column 'parent': not the same in all its rows",
        ),
    ],
)
def test_faults_are_named(
    tmp_path: Path, reader: Callable[[Path], pd.DataFrame], text: str, message: str
) -> None:
    with pytest.raises(InputError) as error:
        reader(write(tmp_path, text))
    assert message in str(error.value)
    assert "strata.csv" in str(error.value)
    assert "\n" not in str(error.value)
