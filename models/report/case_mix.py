"""What the texts say of contrasts at equal histology and of covariates, beside numbers."""

from typing import Any, Final

from models.analyses.case_mix.tables import SETTINGS
from models.analyses.case_mix.wanted import LINE, MAIN, UNPOOLED
from models.analyses.groups.claims import CHEMO, MONO, TKI
from models.analyses.regression.run import NONE
from models.analyses.regression.wanted import ASPS_BY_TREATMENT, SHARES_BY_TREATMENT
from models.render.citations import Citations

SCALES: Final = ("odds_ratio", "risk_difference")
"""On which a contrast moves if it moves at all."""
CLEARLY_NARROWER: Final = 0.95
"""Width of an interval as a share of another one's, below which it is called narrower: Monte Carlo
noise of the width is about 2 %."""


def movement(cite: Citations, a: str, b: str) -> dict[str, Any]:
    """Return what adjustment does to a contrast in every setting: both poolings, all or mixed arms.

    Returns
    -------
    dict
        ``moves``: ``grows`` or ``shrinks`` if the median does so on both scales in every setting,
        else ``differs``; ``narrows``: whether the interval of the log odds ratio of all arms is
        clearly narrower, treatments unpooled.
    """
    table = cite.tables["case_mix_sensitivity"].set_index(["analysis", "a", "b", "scale"])
    rows = table.loc[[(setting, a, b, scale) for setting in SETTINGS for scale in SCALES]]
    up = rows["adjusted_median"] > rows["unadjusted_median"]
    width = table.loc[(UNPOOLED, a, b, "odds_ratio"), "width_ratio"]
    return {
        "moves": "grows" if up.all() else "differs" if up.any() else "shrinks",
        "narrows": bool(width < CLEARLY_NARROWER),
    }


def results(cite: Citations) -> dict[str, Any]:
    """Return how contrasts move, and the analyses and trials that the sentences are about."""
    external = cite.tables["case_mix_external"]
    chosen = external[external["analysis"] == UNPOOLED]
    return {
        "by_pair": {"tki": movement(cite, TKI, MONO), "chemo": movement(cite, CHEMO, MONO)},
        "settings": list(SETTINGS),
        "line": LINE,
        "trials": chosen.to_dict("records"),
        "analyses": {"pooled": MAIN, "own": UNPOOLED},
    }


def covariates(cite: Citations) -> dict[str, Any]:
    """Return the regressions that the sentences are about."""
    return {
        "asps": ASPS_BY_TREATMENT.label,
        "shares": SHARES_BY_TREATMENT.label,
        "bare": NONE,
    }


def shared_alone(cite: Citations) -> dict[str, Any]:
    """Return the pairs of treatments that share a histology tested alone by both."""
    pairs = cite.tables["case_mix_identification"]
    return {"shared_alone": pairs[pairs["single_shared_count"] > 0].to_dict("records")}
