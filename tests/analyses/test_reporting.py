"""Table 1, the flow of studies and the checklists, against the tables they are made from."""

from dataclasses import replace

import pytest

from models.analyses.paper.reporting import checklists, flow, items_reproduced, table_one
from models.common.constants import PROJECT_ROOT
from models.common.errors import InputError


def test_table_one_has_every_arm_and_every_patient_with_a_subtype(evidence) -> None:
    table = table_one(evidence)
    assert list(table["study"]) == list(evidence.arms["label"])
    assert table["enrolled"].sum() == 1349
    counted = table["subtypes (patients)"].str.extractall(r" (\d+)(?:;|$)")[0].astype(int).sum()
    assert counted == evidence.composition["patients"].sum()


def test_the_flow_adds_up_and_a_number_that_does_not_is_said(evidence) -> None:
    steps = flow(evidence)
    assert steps["number"].tolist() == [1918, 1604, 114, 34, 35, 38]
    assert (steps["number"].diff().iloc[1:] == steps["change"].iloc[1:]).all()
    values = evidence.published_values.copy()
    values.loc[values["id"] == "P096", "estimate"] = 115.0
    changed = replace(evidence, _tables={**evidence._tables, "published_values": values})
    with pytest.raises(InputError, match="1604 - 1490 is not 115"):
        flow(changed)


def test_every_item_of_the_paper_and_of_the_checklists_names_a_place_or_a_reason(evidence) -> None:
    items = items_reproduced(evidence)
    assert (items["where"].ne("") | items["reason"].ne("")).all()
    assert items.loc[items["status"] == "reproduced", "where"].ne("").all()
    listed = checklists(evidence)
    given = listed["status"] == "given"
    assert listed.loc[given, "where"].ne("").all()
    assert listed.loc[~given, "remark"].ne("").all()
    in_tree = listed.loc[given & ~listed["where"].str.startswith("figures/"), "where"]
    assert [place for place in in_tree if not (PROJECT_ROOT / place).exists()] == []
    assert listed["checklist"].value_counts().to_dict() == {
        "PRISMA 2020": 42,
        "BARG (Kruschke 2021)": 30,
    }
