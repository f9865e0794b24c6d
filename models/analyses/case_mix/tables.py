"""Tables of the case mix for readers: numbers in, texts out."""

from typing import Any, Final

import pandas as pd

from models.analyses.case_mix.summary import INFERRED, MARGINAL
from models.analyses.case_mix.wanted import MAIN, MIXED, UNPOOLED, UNPOOLED_MIXED
from models.render.format import points, probability, rate

_PARAMETERS: Final = {
    "tau": "tau, studies, adjusted",
    "tau_unadjusted": "tau, studies, unadjusted",
    "composition_share": "share of the variance between arms that composition accounts for",
    "sigma_subtype": "sigma, subtypes",
    "sigma_treatment": "sigma, treatments (adjusted)",
    "sigma_treatment_unadjusted": "sigma, treatments (unadjusted)",
}
_SCALES: Final = {
    "odds_ratio": "odds ratio, conditional",
    MARGINAL: "odds ratio, marginal",
    "risk_ratio": "risk ratio",
    "risk_difference": "risk difference (points)",
}


SETTINGS: Final = {
    MAIN: ("partially pooled", "all"),
    MIXED: ("partially pooled", "of mixed histology"),
    UNPOOLED: ("unpooled", "all"),
    UNPOOLED_MIXED: ("unpooled", "of mixed histology"),
}
"""Where adjusted and unadjusted contrasts are set side by side: treatments, arms."""


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
            "prior median": "" if pd.isna(r.prior_median) else f"{r.prior_median:.2f}",
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
        | (
            {}
            if "no_arm_effect_median" not in subtypes
            else {
                "subtype model, no arm effects": ""
                if pd.isna(r.no_arm_effect_median)
                else rate(r.no_arm_effect_median, r.no_arm_effect_lower, r.no_arm_effect_upper)
            }
        )
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
                ""
                if pd.isna(r.mantel_haenszel_median)
                else number(r, "mantel_haenszel", "odds_ratio")
            ),
            "rests on": r.basis,
        }
        for r in table.itertuples()
    )


def adjustment_text(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return adjusted beside unadjusted contrasts under both poolings, in all and in mixed arms."""
    chosen = sensitivity.set_index(["analysis", "a", "b", "scale"])
    pairs = sensitivity[["a", "b"]].drop_duplicates().itertuples(index=False)
    rows = []
    for a, b in pairs:
        for analysis, (pooling, arms) in SETTINGS.items():
            part = {s: chosen.loc[(analysis, a, b, s)] for s in _SCALES}
            odds, row = part["odds_ratio"], {"a": a, "b": b, "treatments": pooling, "arms": arms}
            for prefix in ("unadjusted", "adjusted"):
                row[f"odds ratio, {prefix}"] = number(odds, prefix, "odds_ratio")
                row[f"P(a > b), {prefix}"] = probability(float(odds[f"{prefix}_p_superior"]))
            marginal, difference = part[MARGINAL], part["risk_difference"]
            row["marginal odds ratio, adjusted"] = number(marginal, "adjusted", MARGINAL)
            for prefix in ("unadjusted", "adjusted"):
                points_of = number(difference, prefix, "risk_difference")
                row[f"risk difference, {prefix} (points)"] = points_of
            row["width of the interval"] = f"{odds['width_ratio']:.2f}"
            rows.append(row)
    return pd.DataFrame(rows)


def external_text(external: pd.DataFrame) -> pd.DataFrame:
    """Return trials that were not pooled beside their predictions as a frame of texts."""
    return pd.DataFrame(
        {
            "trial": f"{r.trial} [{r.reference}]",
            "patients": f"{r.subtype}, {r.treatment}",
            "read as": r.reading,
            "treatments": "pooled"
            if r.analysis == MAIN
            else r.analysis.removesuffix(" treatments"),
            "observed": f"{r.events}/{r.total}",
            "predicted (95 % interval)": f"{r.median:.0f} ({r.lower:.0f}-{r.upper:.0f})",
            "P(so few or fewer)": probability(r.p_at_most),
            "P(so many or more)": probability(r.p_at_least),
        }
        for r in external.itertuples()
    )


def covariates_text(covariates: pd.DataFrame) -> pd.DataFrame:
    """Return the odds ratios of the covariates as a frame of texts."""
    return pd.DataFrame(
        {
            "analysis": r.analysis,
            "covariate": r.term,
            "odds ratio": rate(r.median, r.lower, r.upper, 2),
            "P(> 1)": probability(r.p_above_one),
        }
        for r in covariates.itertuples()
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
