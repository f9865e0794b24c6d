"""Tables of the subtypes: results in, frames out."""

import pandas as pd

from models.analyses.subtypes.summary import OWN_MIX, SubtypeResults
from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS


def estimates_table(results: SubtypeResults, evidence: Evidence) -> pd.DataFrame:
    """Return every subtype under every model, one row each, unrounded.

    Returns
    -------
    pandas.DataFrame
        ``subtype``, ``full_name``, ``kind`` (stratum, or family for LPS as the patient-weighted
        mean of its members), ``printed_estimate``, ``printed_lower``, ``printed_upper`` (Fig. 4,
        as printed; empty for ``LPS, unspecified``), ``model``, ``treatment_mix`` and the columns
        of `models.analyses.subtypes.summary.SubtypeResult`.
    """
    parts = []
    for (model, mix), result in results.results.items():
        for kind, frame in (("stratum", result.strata), ("family", result.families)):
            if len(frame):
                parts.append(frame.assign(kind=kind, model=model, treatment_mix=mix))
    table = pd.concat(parts, ignore_index=True).rename(columns={"stratum": "subtype"})
    own = treatment_mixes(results.cells, evidence)
    table["treatment_mix"] = [
        f"own: {own[subtype]}" if mix == OWN_MIX else mix
        for subtype, mix in zip(table["subtype"], table["treatment_mix"], strict=True)
    ]
    rows = evidence.subtypes.set_index("subtype")
    names = rows["full_name"].to_dict() | dict(
        zip(evidence.strata()["stratum"], evidence.strata()["full_name"], strict=True)
    )
    table.insert(1, "full_name", table["subtype"].map(names))
    for place, name in enumerate(("printed_estimate", "printed_lower", "printed_upper")):
        table.insert(2 + place, name, table["subtype"].map(rows[name]))
    first = ["subtype", "full_name", "kind", "model", "treatment_mix"]
    return table[first + [name for name in table if name not in first]]


def treatment_mixes(cells: pd.DataFrame, evidence: Evidence) -> dict[str, str]:
    """Return each subtype's patients by treatment group as text, in the paper's order."""
    totals = cells.pivot_table(
        index="stratum", columns="treatment", values="total", sort=False, observed=False
    )[list(TREATMENTS)].astype(int)
    strata = evidence.strata()
    for parent in strata["parent"].dropna().unique():
        members = strata.loc[strata["parent"] == parent, "stratum"]
        totals.loc[parent] = totals.loc[list(members)].sum()
    return {str(label): "/".join(map(str, row)) for label, row in totals.iterrows()}


def parameters_table(results: SubtypeResults) -> pd.DataFrame:
    """Return moments and intervals of the models' scalar parameters, logit scale."""
    return pd.DataFrame(
        [
            {"model": model, "parameter": name, **moments}
            for (model, _), result in results.results.items()
            for name, moments in result.parameters.items()
        ]
    )
