"""The page on the next trial."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from models.analyses.next_trial.rules import LARGEST
from models.analyses.next_trial.run import ALL, DESIGN, MIX, SHOWN
from models.analyses.next_trial.tables import randomised_table, rules_table, smallest_table
from models.render.format import percents, probability
from models.render.templates import page


def priors_frame(priors: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return the priors as texts, with the assurance of the exact test."""
    exact = rules[rules["rule"] == "exact"].set_index(["arm", "patients"])["assurance"]
    assurance = exact.loc[list(zip(priors["arm"], priors["patients"], strict=True))]
    return pd.DataFrame(
        {
            "new arm": priors["arm"],
            "patients": priors["patients"],
            "evidence on the treatment": [_evidence(r) for r in priors.to_dict("records")],
            "true rate, % (95 % prediction)": [
                percents(r.median, r.lower, r.upper) for r in priors.itertuples(index=False)
            ],
            "ELIR": _patients(priors["elir"]),
            "moment": _patients(priors["moment"]),
            "Morita": _patients(priors["morita"]),
            "robust, ELIR": _patients(priors["robust_elir"]),
            f"P(rate > {100 * DESIGN.null:g} %)": priors["above_null"].map(probability),
            "assurance": assurance.map("{:.2f}".format).to_numpy(),
        }
    )


def _evidence(row: dict[str, Any]) -> str:
    """Return arms, responders and patients; for one histology its own as well."""
    text = f"{row['arms']} arms, {row['events']}/{row['total']}"
    if pd.isna(row["histology_total"]):
        return text
    known = row["histology_events"]
    events = "unknown" if pd.isna(known) else f"{known:.0f}"
    return f"{text}; of these {row['patients']} {events}/{row['histology_total']:.0f}"


def _patients(values: pd.Series) -> list[str]:
    return ["-" if pd.isna(value) else f"{value:.1f}" for value in values]


def mixtures_frame(mixtures: pd.DataFrame, priors: pd.DataFrame) -> pd.DataFrame:
    """Return the mixtures as R code, one row an arm."""
    errors = priors.set_index(["arm", "patients"])["cdf_error"]
    rows = []
    for key, part in mixtures.groupby(["arm", "patients"], sort=False):
        terms = [f"c({r.weight:.4g}, {r.a:.4g}, {r.b:.4g})" for r in part.itertuples()]
        rows.append((*key, f"mixbeta({', '.join(terms)})", f"{errors[key]:.4f}"))
    names = ["new arm", "patients", "prior (R, RBesT)", "largest error of a probability"]
    return pd.DataFrame(rows, columns=names)


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the page of this part from its tables."""
    priors = tables["next_trial_priors"]
    of_arm = priors.set_index(["patients", "arm"])
    most = priors.loc[priors["elir"].idxmax()]

    def of(name: str, arm: str) -> pd.DataFrame:
        frame = tables[name]
        return frame[(frame["arm"] == arm) & (frame["patients"] == "as enrolled")]

    text = page(
        "analyses/next_trial/next_trial.md",
        design=DESIGN,
        shown=SHOWN,
        everything=ALL,
        evaluable=of_arm.loc["as enrolled", SHOWN],
        enrolled=of_arm.loc[MIX, SHOWN],
        most=most,
        largest=LARGEST,
        priors=priors_frame(priors, tables["next_trial_rules"]),
        rules=rules_table(of("next_trial_rules", SHOWN), DESIGN.null, DESIGN.alternative),
        smallest=smallest_table(of("next_trial_smallest", SHOWN)),
        randomised=randomised_table(of("next_trial_randomised", SHOWN)),
        mixtures=mixtures_frame(tables["next_trial_mixtures"], priors),
    )
    return {"next_trial.md": text}
