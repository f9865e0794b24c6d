"""An update in words: one table, and a sentence each."""

import pandas as pd

from models.analyses.groups.claims import VISIBLE_SHIFT
from models.analyses.update.merge import Merged
from models.render.format import probability, rate
from models.render.templates import page

_SCALES = {
    "proportion": ("%", 100.0, 1),
    "difference": ("points", 100.0, 1),
    "odds ratio": ("odds ratio", 1.0, 2),
    "logit": ("logit", 1.0, 2),
}


def moves_frame(numbers: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Return what moved as texts: pools, groups and contrasts, then claims.

    Parameters
    ----------
    numbers, claims
        From `models.analyses.update.state.moved_numbers` and ``moved_claims``.
    """
    rows = []
    for r in numbers.itertuples(index=False):
        unit, times, digits = _SCALES[r.scale]
        new = rate(times * r.median, times * r.lower, times * r.upper, digits)
        there = not pd.isna(r.median_before)
        old, change, share = "-", "new", "-"
        if there:
            low, high = times * r.lower_before, times * r.upper_before
            old = rate(times * r.median_before, low, high, digits)
            change = f"{times * r.change:+.{digits}f}"
            if r.scale == "odds ratio":
                change = f"x {r.change:.2f}"
            share = f"{100 * r.share:+.0f} %"
        rows.append((f"{r.quantity} ({unit})", old, new, change, share))
    for r in claims.itertuples(index=False):
        there = not pd.isna(r.probability_before)
        old = f"{probability(r.probability_before)}, {r.words_before}" if there else "-"
        change = f"{r.change:+.3f}" if there else "new"
        name = f"P({r.claim})" + (f" [{r.paper}]" if r.paper else "")
        rows.append((name, old, f"{probability(r.probability)}, {r.words}", change, "-"))
    names = ["quantity", "before", "after", "change", "of the earlier interval"]
    return pd.DataFrame(rows, columns=names)


def expected_frame(expected: pd.DataFrame, rows: int = 10) -> pd.DataFrame:
    """Return the arms that would most likely change a conclusion as texts, likeliest first."""
    ranked = expected.sort_values("changes", ascending=False, kind="stable").head(rows)
    kept = [
        "any" if pd.isna(r.fewest) and pd.isna(r.most)
        else f"at most {r.most:.0f}" if pd.isna(r.fewest)
        else f"at least {r.fewest:.0f}" if pd.isna(r.most)
        else f"{r.fewest:.0f} to {r.most:.0f}"
        for r in ranked.itertuples()
    ]  # fmt: skip
    frame = pd.DataFrame({"an arm of": ranked["group"]})
    if "subtype" in ranked:
        frame["histology"] = ranked["subtype"]
    return frame.assign(
        patients=ranked["n"].astype(str),
        conclusion=ranked["claim"],
        now=ranked["probability"].map(probability),
        **{
            "P(changes)": ranked["changes"].map("{:.2f}".format),
            "mean change": ranked["expected_shift"].map("{:.3f}".format),
            "unchanged with responders": kept,
        },
    )


def sentences(
    merged: Merged, numbers: pd.DataFrame, claims: pd.DataFrame, expected: pd.DataFrame | None
) -> list[str]:
    """Return what happened, a sentence each."""
    pool = numbers.set_index("quantity").loc["typical rate"]
    found = [
        f"{_arms(len(merged.added))} added, {_number(len(merged.replaced))} replaced by a later "
        f"report, {_number(len(merged.duplicates))} "
        f"{'was' if len(merged.duplicates) == 1 else 'were'} in the review already; it now has "
        f"{_arms(len(merged.after))} with {int(merged.after['total'].sum())} patients.",
        f"The typical rate of all arms moved from {100 * pool['median_before']:.1f} % to "
        f"{100 * pool['median']:.1f} % ({100 * pool['share']:+.0f} % of its earlier interval).",
    ]
    contrasts = numbers[(numbers["scale"] == "odds ratio") & numbers["share"].notna()]
    if len(contrasts):
        most = contrasts.loc[contrasts["share"].abs().idxmax()]
        found.append(
            f"Of the contrasts {most['quantity']} moved most: odds ratio from "
            f"{most['median_before']:.2f} to {most['median']:.2f}."
        )
    reworded = claims[claims["reworded"]]
    for r in reworded.itertuples():
        found.append(
            f"{r.claim}: from {r.words_before} ({probability(r.probability_before)}) to {r.words} "
            f"({probability(r.probability)})."
        )
    if reworded.empty and claims["probability_before"].notna().any():
        found.append("No claim takes another wording.")
    found += [f"{note[0].upper()}{note[1:]}." for note in merged.notes]
    if expected is not None and len(expected):
        best = expected.loc[expected["changes"].idxmax()]
        found.append(
            f"Most likely to change a stated conclusion: an arm of {best['group']} with "
            f"{best['n']} patients ({best['claim']}, probability {best['changes']:.2f})."
        )
    return found


def _arms(count: int) -> str:
    return f"{count or 'no'} arm{'' if count == 1 else 's'}"


def _number(count: int) -> str:
    return str(count) if count else "none"


def update_markdown(
    source: str,
    told: list[str],
    moves: pd.DataFrame,
    cumulative: pd.DataFrame | None,
    expected: pd.DataFrame | None,
    histology: pd.DataFrame | None,
) -> str:
    """Return the page of an update; what was not computed is left out."""
    return page(
        "analyses/update/update.md",
        source=source,
        shift=f"{100 * VISIBLE_SHIFT:g}",
        told=told,
        moves=moves,
        cumulative=None if cumulative is None else cumulative_frame(cumulative),
        expected=None if expected is None else expected_frame(expected),
        histology=None if histology is None else expected_frame(histology),
    )


def cumulative_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cumulative estimates as texts."""
    rows = []
    for r in table.itertuples(index=False):
        typical = (100 * r.typical_median, 100 * r.typical_lower, 100 * r.typical_upper)
        rows.append(
            (
                r.year,
                f"{r.arms} ({r.arms_a} : {r.arms_b})",
                r.patients,
                rate(*typical, 1),
                rate(r.tau_median, r.tau_lower, r.tau_upper, 2),
                "-" if pd.isna(r.probability) else probability(r.probability),
            )
        )
    names = ["up to", "arms (a : b)", "patients", "typical rate, %", "tau", "P(a > b)"]
    return pd.DataFrame(rows, columns=names)
