"""The report's sections on the paper's conclusions and on treatments."""

from typing import Any

import pandas as pd
from markupsafe import Markup

from models.evidence.vocabulary import OUTCOMES, TREATMENTS
from models.render.format import printed, probability, typeset
from models.render.html import Cell, cells, chosen, opened, prose, table
from models.render.templates import page
from models.report.material import Material, chances, percents

QUESTION = "one_question"
"""Table of every analysis of each claim."""
NEXT_TRIAL = "next_trial/next_trial"


def claims(material: Material) -> Markup:
    """Return the paper's conclusions, each of which opens to every analysis of it."""
    frame = material.tables["claims"]
    probabilities = {
        "probability": "probability",
        "prior_probability": "before the data",
        "probability_unpooled": "each treatment on its own",
    }
    shown = pd.DataFrame(
        {"conclusion": frame["claim"].map(typeset), "where": frame["place"]}
        | {
            name: chances(frame[column])
            for column, name in probabilities.items()
            if column in frame
        }
        | {"in words": frame["verdict"]}
    )
    details = [_claim(material, row) for row in frame.to_dict("records")]
    first = [f"checks/{QUESTION}_{row}" for row in frame["claim_id"]]
    return Markup("").join(
        (
            prose(page("report/claims_note.md")),
            table(shown, "Conclusions of the paper, judged", details, filtered=True),
            material.drawn(*first),
        )
    )


def _claim(material: Material, row: dict[str, Any]) -> Markup:
    judged = "an estimate" if pd.isna(row["event"]) else typeset(str(row["event"]))
    words = Markup("<p>Judged: {}.</p>").format(judged)
    if QUESTION not in material.tables:
        return words
    every = material.tables[QUESTION]
    mine = every[every["claim_id"] == row["claim_id"]]
    mine = mine.reset_index(drop=True)
    ratios = mine[[f"odds_ratio_{part}" for part in ("median", "lower", "upper")]]
    shown = pd.DataFrame(
        {
            "analysis": mine["change"].map(lambda text: typeset(str(text))),
            "arms": mine["arms"],
            "difference or rate, %": percents(mine, "estimate_"),
            "odds ratio": cells(
                "" if pd.isna(row[0]) else Cell.of(printed(*row, digits=2), row[0])
                for row in ratios.itertuples(index=False, name=None)
            ),
            "probability": cells(
                "" if pd.isna(p) else Cell.of(probability(p), p) for p in mine["probability"]
            ),
        }
    )
    return words + table(shown, f"Every analysis of {row['claim_id']}")


def treatments(material: Material) -> Markup:
    """Return groups, contrasts against a reference, ranks, benefit and harm."""
    harm = ["outcomes/joint_tradeoff", "outcomes/joint_responses", "outcomes/joint_net_benefit"]
    if harm[0] not in material.figures:
        harm.insert(0, "groups/tradeoff")
    return Markup("").join(
        (
            material.drawn("groups/groups"),
            Markup("<h3>Differences against a treatment of your choice</h3>"),
            chosen(
                "reference",
                "Compare with",
                {name: against(material, name) for name in TREATMENTS},
            ),
            opened("Every pair", material.drawn("groups/contrasts")),
            Markup("<h3>Ranks</h3>"),
            material.drawn("groups/ranks"),
            Markup("<h3>Benefit and harm</h3>"),
            material.drawn(*harm),
            opened("Response, control and toxicity together", material.told("outcomes/joint")),
            Markup("<h3>The next trial</h3>"),
            material.drawn("next_trial/next_trial_prior", "next_trial/next_trial_rules"),
            opened("How it is planned, and what it would find", material.told(NEXT_TRIAL)),
        )
    )


def against(material: Material, reference: str) -> Markup:
    """Return the differences of all other treatments from one, three outcomes."""
    rows = []
    for code, name in OUTCOMES.items():
        table_ = material.tables[f"groups_{code}_treatment_contrasts"]
        chosen_ = table_[table_["estimand"] == "typical"]
        for other in TREATMENTS:
            if other != reference:
                difference = _turned(chosen_, "risk_difference", other, reference)
                odds = _turned(chosen_, "odds_ratio", other, reference)
                points = [100 * v for v in difference[:3]]
                rows.append(
                    {
                        "treatment": other,
                        "outcome": typeset(name),
                        "difference, points (95 %)": Cell.of(
                            printed(*points, digits=1, signed=True), points[0]
                        ),
                        "odds ratio (95 %)": Cell.of(printed(*odds[:3], digits=2), odds[0]),
                        "P(higher)": Cell.of(probability(difference[3]), difference[3]),
                    }
                )
    return table(pd.DataFrame(rows, dtype=object), f"Compared with {reference}")


def _turned(contrasts: pd.DataFrame, scale: str, a: str, b: str) -> tuple[float, ...]:
    """Return median, lower, upper and P(a > b), whichever way round the table has the pair."""
    mine = contrasts[contrasts["scale"] == scale].set_index(["a", "b"])
    if (a, b) in mine.index:
        row = mine.loc[(a, b)]
        return tuple(float(row[c]) for c in ("median", "lower", "upper", "p_superior"))
    row = mine.loc[(b, a)]
    values = [float(row[c]) for c in ("median", "upper", "lower")]
    turned = [1 / v if scale == "odds_ratio" else -v for v in values]
    return (*turned, 1 - float(row["p_superior"]))
