"""What the texts say of treatment contrasts at equal histology, beside numbers."""

from typing import Any, Final

from models.analyses.groups.claims import MONO, TKI
from models.render.citations import Citations

SURVIVES: Final = 0.90
"""Least posterior probability at which an advantage is said to survive adjustment."""


def advantage(cite: Citations) -> dict[str, Any]:
    """Return whether the advantage of the combination with a TKI survives adjustment."""
    key = {"a": TKI, "b": MONO, "scale": "odds_ratio"}
    probability, adjusted, unadjusted = (
        cite.value("case_mix_contrasts", column, **key)
        for column in ("adjusted_p_superior", "adjusted_median", "unadjusted_median")
    )
    if probability < SURVIVES:
        return {"advantage": "unclear"}
    return {"advantage": "grows" if adjusted >= unadjusted else "shrinks"}


def shared_alone(cite: Citations) -> dict[str, Any]:
    """Return the pairs of treatments that share a histology tested alone by both."""
    pairs = cite.tables["case_mix_identification"]
    return {"shared_alone": pairs[pairs["single_shared_count"] > 0].to_dict("records")}
