"""What the paper says of subtypes, judged: rates beyond a limit, treatments within a subtype."""

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from models.analyses.groups.claims import CHEMO, IMMUNO, TKI, wording
from models.analyses.subtypes.summary import BY_TREATMENT, EXCHANGEABLE, EXNEX, SubtypeResults
from models.common.constants import INTERVAL_PROBS
from models.evidence.load import Evidence
from models.priors import DEFAULT_PRIORS

PRIOR_DRAWS: Final = 400_000
LIMITS: Final = (
    ("S01", "AS", 30, "above", "Abstract; 3.4.3; Discussion"),
    ("S02", "ES", 30, "above", "Abstract; 3.4.3; Discussion"),
    ("S03", "LMS", 10, "below", "3.4.3"),
    ("S04", "SS", 10, "below", "3.4.3"),
)
"""Claim, subtype, limit in per cent, side, place: the printed pools are 31, 31, 8 and 6 %."""
WITHIN: Final = (
    ("S05", "ASPS", TKI, "3.4.3; Discussion"),
    ("S06", "AS", IMMUNO, "3.4.3; Discussion"),
    ("S07", "ES", CHEMO, "3.4.3; Discussion"),
    ("S08", "UPS", IMMUNO, "3.4.3; Discussion"),
    ("S09", "LPS", CHEMO, "3.4.3; Discussion"),
    ("S10", "DDLPS", CHEMO, "3.4.3; Discussion"),
    ("S11", "LMS", CHEMO, "3.4.3; Discussion"),
    ("S12", "SS", CHEMO, "3.4.3; Discussion"),
)
"""Claim, subtype or family, the treatment group whose rate the paper names first, place."""

type Draws = NDArray[np.float64]


def subtype_claims(
    evidence: Evidence, results: SubtypeResults, estimates: pd.DataFrame
) -> pd.DataFrame:
    """Judge what the paper says of subtypes.

    Parameters
    ----------
    evidence
        The validated evidence.
    results
        The three fits; the cells by treatment group are drawn.
    estimates
        From `models.analyses.subtypes.tables.estimates_table`.

    Returns
    -------
    pandas.DataFrame
        One row a claim: ``claim_id``, ``claim``, ``place``, ``model`` (whose probability it is),
        ``events``, ``total`` (of the subtype, or of the cell), ``rest_events``, ``rest_total`` (of
        the subtype's other treatment groups), ``prior_probability``, ``probability``,
        ``probability_exnex``, ``probability_by_treatment`` (limits of a rate only), ``median``,
        ``lower``, ``upper`` (the rate, or the difference from the other groups, a proportion) and
        ``verdict``.
    """
    rows = [_limit(*row, estimates) for row in LIMITS]
    fit = results.fits[BY_TREATMENT]
    members = evidence.strata()
    for row in WITHIN:
        inside = (members["stratum"] == row[1]) | (members["parent"] == row[1])
        own = results.cells[results.cells["stratum"].isin(members.loc[inside, "stratum"])]
        rows.append(_within(*row, own[own["total"] > 0], fit.posterior["cell_rate"]))
    return pd.DataFrame(rows)


def _within(
    claim_id: str,
    subtype: str,
    treatment: str,
    place: str,
    cells: pd.DataFrame,
    rates: xr.DataArray,
) -> dict[str, object]:
    """Compare a treatment group with the others of the same subtype, by patients."""
    here = cells["treatment"] == treatment
    own, rest = _mean_rate(rates, cells[here]), _mean_rate(rates, cells[~here])
    difference = own - rest
    lower, median, upper = np.quantile(difference, [INTERVAL_PROBS[0], 0.5, INTERVAL_PROBS[1]])
    p = float((difference > 0).mean())
    return {
        "claim_id": claim_id,
        "claim": f"{subtype} responds more to {treatment} than to the other groups",
        "place": place,
        "model": "subtype by treatment, sampled",
        "events": int(cells.loc[here, "events"].sum()),
        "total": int(cells.loc[here, "total"].sum()),
        "rest_events": int(cells.loc[~here, "events"].sum()),
        "rest_total": int(cells.loc[~here, "total"].sum()),
        "prior_probability": 0.5,  # the prior does not change if every logit changes its sign
        "probability": p,
        "median": float(median),
        "lower": float(lower),
        "upper": float(upper),
        "verdict": wording(p),
    }


def _mean_rate(rates: xr.DataArray, cells: pd.DataFrame) -> Draws:
    """Return the draws of the patient-weighted mean rate of some cells, flat."""
    total = cells["total"].to_numpy(float)
    drawn = [
        rates.sel(stratum=cell.stratum, treatment=cell.treatment).values.ravel()
        for cell in cells.itertuples()
    ]
    return np.asarray(total @ np.stack(drawn) / total.sum())


def _limit(
    claim_id: str, subtype: str, limit: int, side: str, place: str, estimates: pd.DataFrame
) -> dict[str, object]:
    own = estimates[estimates["subtype"] == subtype].set_index("model")
    own = own[~own["treatment_mix"].str.startswith("equal")]

    def chance(model: str) -> float:
        above = float(own.loc[model, f"p_above_{limit}"])
        return above if side == "above" else 1 - above

    rng = np.random.default_rng(0)
    tau = np.abs(rng.normal(0, DEFAULT_PRIORS.tau_scale, PRIOR_DRAWS))
    mu = rng.normal(DEFAULT_PRIORS.mu_mean, DEFAULT_PRIORS.mu_sd, PRIOR_DRAWS)
    prior = float((expit(mu + tau * rng.standard_normal(PRIOR_DRAWS)) > limit / 100).mean())
    main = own.loc[EXCHANGEABLE]
    p = chance(EXCHANGEABLE)
    return {
        "claim_id": claim_id,
        "claim": f"The response rate of {subtype} is {side} {limit} %",
        "place": place,
        "model": "subtypes of one population, exact",
        "events": int(main["events"]),
        "total": int(main["total"]),
        "prior_probability": prior if side == "above" else 1 - prior,
        "probability": p,
        "probability_exnex": chance(EXNEX),
        "probability_by_treatment": chance(BY_TREATMENT),
        **{part: float(main[part]) for part in ("median", "lower", "upper")},
        "verdict": wording(p),
    }
