"""Tables of the case mix for readers: numbers in, texts out."""

from typing import Any, Final

import pandas as pd

from models.analyses.case_mix.summary import INFERRED, MARGINAL
from models.render.format import points, probability, rate

_PARAMETERS: Final = {
    "tau": "tau, studies, adjusted",
    "tau_unadjusted": "tau, studies, unadjusted",
    "tau_squared_explained": "share of tau squared explained by histology",
    "sigma_subtype": "sigma, subtypes",
    "sigma_treatment": "sigma, treatments (adjusted)",
}
_SCALES: Final = {
    "odds_ratio": "odds ratio, conditional",
    MARGINAL: "odds ratio, marginal",
    "risk_ratio": "risk ratio",
    "risk_difference": "risk difference (points)",
}


def number(row: Any, prefix: str, scale: str) -> str:
    """Return median and interval of one contrast as text."""
    middle, low, high = (
        float(getattr(row, f"{prefix}_{part}")) for part in ("median", "lower", "upper")
    )
    if scale == "risk_difference":
        return points(middle, low, high)
    return rate(middle, low, high, 2)


def contrasts_frame(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts as a frame of texts."""
    return pd.DataFrame(
        {
            "a": r.a,
            "b": r.b,
            "scale": _SCALES[str(r.scale)],
            "adjusted": number(r, "adjusted", str(r.scale)),
            "P(a > b)": probability(float(r.adjusted_p_superior)),
            "unadjusted": number(r, "unadjusted", str(r.scale)),
            "P(a > b), unadjusted": probability(float(r.unadjusted_p_superior)),
        }
        for r in contrasts.itertuples()
    )


def parameters_frame(parameters: pd.DataFrame) -> pd.DataFrame:
    """Return the parameters as a frame of texts."""
    return pd.DataFrame(
        {
            "parameter": _PARAMETERS[str(r.parameter)],
            "median (95 % interval)": rate(r.median, r.lower, r.upper, 2),
            "P(> 0)": "" if pd.isna(r.p_positive) else probability(r.p_positive),
        }
        for r in parameters.itertuples()
    )


def treatments_frame(treatments: pd.DataFrame) -> pd.DataFrame:
    """Return the standardised rates as a frame of texts."""
    return pd.DataFrame(
        {
            "treatment": r.treatment,
            "arms": str(r.arms),
            "events/total": f"{r.events}/{r.total}",
            "standardised rate": rate(r.adjusted_median, r.adjusted_lower, r.adjusted_upper),
            "unadjusted typical rate": rate(
                r.unadjusted_median, r.unadjusted_lower, r.unadjusted_upper
            ),
        }
        for r in treatments.itertuples()
    )


def subtypes_frame(subtypes: pd.DataFrame) -> pd.DataFrame:
    """Return the subtypes as a frame of texts."""
    return pd.DataFrame(
        {
            "subtype": r.subtype,
            "arms": str(r.arms),
            "patients": str(r.total),
            "responders (mean)": ("" if pd.isna(r.responders_mean) else f"{r.responders_mean:.1f}"),
            "rate at equal treatment": rate(r.median, r.lower, r.upper),
        }
        for r in subtypes.itertuples()
    )


def table_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the arm by subtype table as a frame of texts."""
    return pd.DataFrame(
        {
            "arm": r.arm,
            "subtype": r.subtype,
            "patients": str(r.total),
            "possible": str(r.least) if r.least == r.most else f"{r.least}-{r.most}",
            "responders": (
                f"{r.mean:.2f} ({r.lower:g}-{r.upper:g})" if r.basis == INFERRED else f"{r.least}"
            ),
            "basis": r.basis,
        }
        for r in table.itertuples()
    )


def identification_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the contrasts rest on as a frame of texts."""
    return pd.DataFrame(
        {
            "a": r.a,
            "b": r.b,
            "subtypes in both": str(r.shared_subtypes),
            "patients with them, a / b": f"{r.patients_a} / {r.patients_b}",
            "of these in arms of one histology": f"{r.single_a} / {r.single_b}",
            "Mantel-Haenszel odds ratio": (
                "" if pd.isna(r.mantel_haenszel) else f"{r.mantel_haenszel:.2f}"
            ),
            "rests on": r.basis,
        }
        for r in table.itertuples()
    )


def sensitivity_text(sensitivity: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    """Return the conditional odds ratios of every analysis against the first treatment."""
    odds = sensitivity[sensitivity["scale"] == "odds_ratio"]
    reference = odds["b"].iloc[0]
    rows = []
    for analysis, part in odds[odds["b"] == reference].groupby("analysis", sort=False):
        row: dict[str, str] = {"analysis": str(analysis)}
        for r in part.itertuples():
            chance = probability(float(str(r.adjusted_p_superior)))
            row[f"{r.a} v. {reference}"] = f"{number(r, 'adjusted', 'odds_ratio')}; P {chance}"
        tau = variants[(variants["analysis"] == analysis) & (variants["parameter"] == "tau")]
        middle, low, high = (float(tau[c].iloc[0]) for c in ("median", "lower", "upper"))
        row["tau"] = rate(middle, low, high, 2)
        rows.append(row)
    return pd.DataFrame(rows)
