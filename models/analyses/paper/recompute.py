"""Every published value beside the same value recomputed.

Each row of ``published_values.csv`` says through its selector which rows of the evidence it
summarises; the published estimator (``models.frequentist.freeman_tukey``) or a tally does the rest.
Agreement means: the recomputed value, rounded to the printed decimals, is the printed text.
"""

from typing import Final

import pandas as pd

from models.evidence import selector as selectors
from models.evidence.load import Evidence
from models.frequentist.freeman_tukey import between_groups, freeman_tukey_pool, printed

COLUMNS: Final = (
    "id",
    "place",
    "kind",
    "outcome",
    "subgroup",
    "k",
    "printed_k",
    "printed_estimate",
    "printed_lower",
    "printed_upper",
    "printed_i2",
    "printed_p",
    "unit",
    "estimate",
    "lower",
    "upper",
    "i2",
    "p",
    "basis",
    "status",
    "reason",
)
WHY_NOT: Final = {
    "supplement only": "its inputs are only in the supplement",
    "another publication": "it is taken from another publication",
    "not tabulated": "its inputs are not tabulated in the paper",
    "search record": "it is a count of the literature search",
    "members not named": "the paper does not name the studies it pools",
}
BASIS: Final = {
    "pooled rate": "direct",
    "pooled subtype rate": "by_inversion",
    "cell rate": "check_of_inversion",
}
"""What an agreement rests on, by kind of value; counts printed in the paper are ``direct``."""

_COMPARED: Final = ("estimate", "lower", "upper", "i2", "p")


def compare_published(evidence: Evidence) -> pd.DataFrame:
    """Recompute every published value and judge it at its printed digits.

    Parameters
    ----------
    evidence
        The validated evidence.

    Returns
    -------
    pandas.DataFrame
        One row a published value, columns ``COLUMNS``. ``k`` is the number of units pooled
        (treatment groups for the rows of Fig. 4); recomputed values are unrounded, in the
        printed unit; ``basis`` is ``direct`` (from printed counts), ``by_inversion`` (from cells
        that were found from the row itself, so that agreement holds by construction) or
        ``check_of_inversion`` (a value of the text against those cells); ``status`` is
        ``agrees``, ``differs`` or ``not_recomputable``.
    """
    rows = [_compare(row, evidence) for row in evidence.published_values.to_dict("records")]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _compare(row: dict[str, object], evidence: Evidence) -> dict[str, object]:
    """Compare one published value."""
    text = {key: "" if pd.isna(value) else str(value) for key, value in row.items()}
    result: dict[str, object] = {key: text.get(key, "") for key in COLUMNS}
    result |= dict.fromkeys(("k", *_COMPARED))
    result["basis"] = ""
    if not text["selector"]:
        why = WHY_NOT.get(text["inputs"], "it is a statement, not a number that can be formed")
        result |= {"status": "not_recomputable", "reason": _sentence(why, text["note"])}
        return result

    values = _recompute(text, evidence)
    if text["unit"] == "percent" and text["kind"] == "cell rate":
        values |= {
            name: 100 * value
            for name, value in values.items()
            if name in ("estimate", "lower", "upper") and value is not None
        }
    result |= values
    single_group = text["inputs"] == "printed"
    result["basis"] = "direct" if single_group else BASIS.get(text["kind"], "direct")
    wrong = []
    for name in _COMPARED:
        stands = text[f"printed_{name}"]
        if not _is_number(stands):
            continue
        value = values[name]
        again = "none" if value is None else printed(value, _decimals(stands))
        if again != stands:
            wrong.append(f"{name} printed {stands}, recomputed {again}")
    result["status"] = "differs" if wrong else "agrees"
    result["reason"] = _sentence("; ".join(wrong), text["note"]) if wrong else ""
    return result


def _recompute(text: dict[str, str], evidence: Evidence) -> dict[str, float | int | None]:
    """Return k, estimate, lower, upper, i2 and p of one value, on the printed unit's scale."""
    parsed = selectors.parse(text["selector"])
    if parsed.give == "between":
        frame = evidence.select(text["selector"])
        pools = [
            freeman_tukey_pool(part["events"], part["total"])
            for _, part in frame.groupby(parsed.column, sort=False)
        ]
        return {"k": len(pools), "p": between_groups(pools).p}
    if parsed.give != "pool":
        found: dict[str, float | int | None] = {
            "k": len(evidence.select(text["selector"])),
            "estimate": evidence.tally(text["selector"]),
        }
        if text["interval"] == "range":
            for name, give in (("lower", "min"), ("upper", "max")):
                swapped = text["selector"].replace(f"give={parsed.give}", f"give={give}")
                found[name] = evidence.tally(swapped)
        return found
    frame = evidence.select(text["selector"])
    pool = freeman_tukey_pool(frame["events"], frame["total"])
    return {
        "k": pool.k,
        "estimate": pool.estimate,
        "lower": pool.lower,
        "upper": pool.upper,
        "i2": pool.i2,
        "p": pool.q_p,
    }


def _is_number(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _sentence(first: str, note: str) -> str:
    return ". ".join(part for part in (first, note) if part)


def agreement_counts(comparison: pd.DataFrame) -> pd.DataFrame:
    """Count agreements by what they rest on.

    Returns
    -------
    pandas.DataFrame
        Index ``basis``, columns ``agrees``, ``differs``, ``total``, for the pooled and exact
        estimates (kinds of ``BASIS``) and, as a row of its own, for the other recomputable
        values (tests, counts, shares, medians).
    """
    recomputed = comparison[comparison["status"] != "not_recomputable"]
    estimates = recomputed["kind"].isin(list(BASIS))
    label = recomputed["basis"].where(estimates, "other values")
    table = pd.crosstab(label, recomputed["status"]).reindex(
        index=["direct", "by_inversion", "check_of_inversion", "other values"],
        columns=["agrees", "differs"],
        fill_value=0,
    )
    table["total"] = table.sum(axis=1)
    return table.rename_axis("basis")
