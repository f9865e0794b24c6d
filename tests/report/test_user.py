"""The paragraphs on a user's own review: the labels are the user's, the numbers the tables'."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from models.fitting.records import POOL_REVIEW as POOL
from models.render.citations import Citations
from models.render.format import latex_text
from models.report.user import user_markdown

LABELS = {
    "ICI monotherapy": "[/foo] [red]x",
    "Dual Checkpoint Inhibitors": r"\input{x}",
    "ICI + TKI": "<script>alert(1)</script>",
    "ICI + chemotherapy": "=cmd|' /C calc'!A0",
    "ICI + immunomodulator": ">= *a*\n\x1b[31m_b_",
}
SHOWN = {**LABELS, "ICI + immunomodulator": r">= *a* \x1b[31m_b_"}


@pytest.fixture
def own(tables) -> dict[str, pd.DataFrame]:
    """Return the committed tables as if they were a user's, with hostile labels."""
    pools = tables["pools"]
    return {
        **{name: tables[name] for name in ("settings", "software", "diagnostics")},
        "pools": pools[pools["id"] == "P001"].assign(id=POOL),
        "groups": tables["groups_orr_treatment"].replace({"group": LABELS}),
        "contrasts": tables["groups_orr_treatment_contrasts"].replace({"a": LABELS, "b": LABELS}),
    }


def analysis(own: dict[str, pd.DataFrame], higher: bool = True) -> SimpleNamespace:
    return SimpleNamespace(
        by="`kind`", higher_is_better=higher, groups=own["groups"], contrasts=own["contrasts"]
    )


def test_labels_of_a_user_are_shown_and_do_nothing(own) -> None:
    page = user_markdown(Citations(own), analysis(own))
    tokens = MarkdownIt("commonmark").parse(page)
    inline = [token for token in tokens if token.type == "inline"]
    assert {part.type for token in inline for part in token.children} <= {"text", "text_special"}
    shown = ["".join(part.content for part in token.children) for token in inline]
    assert [line for line in shown if line.startswith("Grouped by `kind`; the highest rate")]
    for label, row in zip(SHOWN.values(), own["groups"].itertuples(), strict=True):
        counts = f"{label}: {row.events} of {row.total} patients (k = {row.k}), typical rate "
        assert sum(line.startswith(counts) for line in shown) == 1
    assert sum(" percentage points " in line and " against " in line for line in shown) == 10
    assert "\x1b" not in page
    source = latex_text(page)
    assert r"\textbackslash{}input\{x\}" in source
    assert not re.search(r"\\(?:input|x1b)", source)
    assert "lowest rate is best" in user_markdown(Citations(own), analysis(own, higher=False))


def test_every_number_of_a_users_text_is_recorded(own) -> None:
    cite = Citations(own)
    page = user_markdown(cite, None)
    assert "## Groups" not in page
    assert "## Overall rate\n\nAmong 1268 patients of 38 studies, 238 had an event." in page
    assert page.endswith(" %.\n")
    assert "\n\n\n" not in page
    cited = cite.frame()
    assert set(cited["table"]) == {"settings", "diagnostics", "pools"}
    assert len(cited[cited["table"] == "pools"]) == 14


def test_a_failed_fit_is_said_on_top(own) -> None:
    warning = "\n\n**A fit did not pass the gate: do not use these paragraphs.**\n\n## Methods\n\n"
    assert warning not in user_markdown(Citations(own), None)
    failed = own["diagnostics"].copy()
    failed.loc[0, "gate"] = "FAILED"
    assert warning in user_markdown(Citations({**own, "diagnostics": failed}), None)
