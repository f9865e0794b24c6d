"""The checks, the question of every claim and the sensitivity of the pools as pages."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.checks.verdicts import ATTENTION, CHOICES, COMPUTATION, FAIL, MODEL
from models.analyses.groups.claims import CLAIMS, Claim
from models.estimands.contrasts import NOT_RANDOMISED
from models.render.format import points, probability, rate
from models.render.templates import page


def checks_markdown(table: pd.DataFrame) -> str:
    """Return the page of checks: what matters in words, then three questions."""
    return page(
        "analyses/checks/checks.md",
        number=len(table),
        failed=table[table["verdict"] == FAIL].to_dict("records"),
        attentions=table[table["verdict"] == ATTENTION].to_dict("records"),
        questions={
            question: table[table["question"] == question].drop(columns="question")
            for question in (COMPUTATION, MODEL, CHOICES)
        },
    )


def question_frame(table: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    """Return every analysis of one claim as a frame of texts."""
    rows, before = [], ""
    for r in table[table["claim_id"] == claim.claim_id].itertuples():
        ordered, judged = not pd.isna(r.odds_ratio_median), not pd.isna(r.probability)
        difference = claim.estimand.startswith("risk difference")
        show = points if difference else rate
        estimate = "-"
        if judged:
            estimate = show(r.estimate_median, r.estimate_lower, r.estimate_upper)
        rows.append(
            {
                "": r.section if r.section != before else "",
                "analysis": r.change,
                "arms": "" if pd.isna(r.arms) else f"{r.arms:.0f}",
                "of them compared": ""
                if pd.isna(r.arms_b)
                else f"{r.arms_a:.0f} v. {r.arms_b:.0f}",
                "odds ratio": rate(r.odds_ratio_median, r.odds_ratio_lower, r.odds_ratio_upper, 2)
                if ordered
                else "-",
                "difference (points)" if difference else "rate": estimate,
                "prior probability": ""
                if pd.isna(r.prior_probability)
                else probability(r.prior_probability),
                "probability": probability(r.probability) if judged else r.note,
            }
        )
        before = r.section
    return pd.DataFrame(rows)


def question_markdown(table: pd.DataFrame) -> str:
    """Return the page that sets every analysis of each claim side by side."""
    return page(
        "analyses/checks/one_question.md",
        not_randomised=NOT_RANDOMISED,
        claims=[(claim, question_frame(table, claim)) for claim in CLAIMS],
    )


def sensitivity_markdown(table: pd.DataFrame) -> str:
    """Return the page on the pools of all arms."""
    rows = [
        {
            "analysis": r.change,
            "outcome": r.outcome.upper(),
            "k": str(r.k),
            "typical rate": rate(r.typical_median, r.typical_lower, r.typical_upper),
            "average rate": rate(r.average_median, r.average_lower, r.average_upper),
            "Freeman-Tukey": rate(r.ft_estimate, r.ft_lower, r.ft_upper),
            "the paper says": "" if pd.isna(r.published) else r.published,
            "how it was read": "" if pd.isna(r.reason) else r.reason,
        }
        for r in table.itertuples()
    ]
    return page("analyses/checks/sensitivity.md", rows=pd.DataFrame(rows))


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    return {
        "checks.md": checks_markdown(tables["checks"]),
        "one_question.md": question_markdown(tables["one_question"]),
        "sensitivity.md": sensitivity_markdown(tables["sensitivity"]),
    }
