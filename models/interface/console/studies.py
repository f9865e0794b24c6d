"""A pool, and groups of studies, on the terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from models.analyses.pools.summary import PooledPosterior
from models.analyses.review.summary import typical_sentence
from models.analyses.review.words import interval, sentence_interval
from models.frequentist.freeman_tukey import FreemanTukeyPool
from models.frequentist.glmm import GlmmFit
from models.interface.console.terminal import show_cautions, show_lines, show_table
from models.render.format import points, probability, rate

if TYPE_CHECKING:
    from models.analyses.groups.summary import SubgroupAnalysis

COMPARED = (
    "Unless they were randomised against each other within studies, groups differ in more than "
    "their name: these contrasts compare different studies."
)


def show_head(
    data: pd.DataFrame, source: str, notes: list[str], cautions: list[str], rows: int | None = None
) -> None:
    """Print what was read, and what should be known before the answer."""
    k, events, total = len(data), int(data["events"].sum()), int(data["total"].sum())
    of = "" if rows in (None, k) else f" of {rows}"
    show_lines(
        f"{source}: {k}{of} {'study' if k == 1 else 'studies'}, {events} events in {total} "
        f"patients ({100 * events / total:.1f} %)"
    )
    for note in notes:
        show_lines(note, "  ", "  ")
    show_cautions(cautions)


def show_pool(
    data: pd.DataFrame,
    freeman_tukey: FreemanTukeyPool,
    glmm: GlmmFit,
    bayes: PooledPosterior,
    gate: str,
) -> None:
    """Print the pools by every estimator, and the studies' rates."""
    pool = freeman_tukey
    likelihood = "-"
    if glmm.exists:
        likelihood = interval({n: getattr(glmm, n) for n in ("estimate", "lower", "upper")}, "",
                              "estimate")  # fmt: skip
    published = {n: getattr(pool, n) for n in ("estimate", "lower", "upper")}
    rows = [
        (f"Freeman-Tukey, {pool.method} (published)", interval(published, "", "estimate")),
        ("GLMM, maximum likelihood, typical rate", likelihood),
        ("Bayes, typical rate (median study)", interval(bayes.typical)),
        ("Bayes, average rate (mean over studies)", interval(bayes.average)),
        ("Bayes, rate in a new study (prediction)", interval(bayes.new_study)),
    ]
    show_table("Pools", pd.DataFrame(rows, columns=["estimator", "% (95 % interval)"]))
    if not glmm.exists:
        show_lines(f"GLMM: no maximum exists ({glmm.reason})")
    studies = [
        {
            "study": row["study"],
            "events/total": f"{row['events']}/{row['total']}",
            "observed %": f"{100 * row['events'] / row['total']:.1f}",
            "estimated % (95 %)": interval(row),
        }
        for row in bayes.studies.to_dict("records")
    ]
    show_table("Study rates", pd.DataFrame(studies))
    print()
    i2 = "" if pool.i2 is None else f"; I2 {pool.i2:.0f} %"
    tau = rate(bayes.tau["median"], bayes.tau["lower"], bayes.tau["upper"], 2)
    show_lines(f"tau, the SD between studies on the logit scale: {tau}{i2}")
    show_lines(f"gate: {gate}")


def pool_answer(data: pd.DataFrame, bayes: PooledPosterior, event: str) -> str:
    """Return the answer in a sentence."""
    return typical_sentence(
        {f"typical_{part}": value for part, value in bayes.typical.items()}
        | {f"new_study_{part}": value for part, value in bayes.new_study.items()},
        event,
        "95 % interval",
        len(data),
        int(data["total"].sum()),
    )


def show_groups(analysis: "SubgroupAnalysis", margin: float, *, full: bool) -> None:
    """Print groups and contrasts; every column and both estimands with ``full``."""
    # a pool is shown without the modules on groups
    from models.analyses.groups.pages import headline

    end = "highest" if analysis.higher_is_better else "lowest"
    table = analysis.groups.to_dict("records")
    show_table(f"Groups (best: {end})", _groups(table))
    if full:
        show_table("Groups, continued", _groups_rest(table))
    if len(table) == 1:
        show_lines("a single group: there is nothing to contrast")
    else:
        print()
        show_lines(COMPARED)
        for estimand in ("typical", "average") if full else ("typical",):
            margins = f"; beyond: by more than {100 * margin:g} points" if full else ""
            show_table(
                f"Contrasts of {estimand} rates, the higher one first{margins}",
                _contrasts(analysis.contrasts, estimand, full=full),
            )
    print()
    show_lines(headline(analysis) if full else headline(analysis).split(". Log Bayes")[0] + ".")
    show_lines(f"gate: {analysis.gate}")
    if not full:
        show_lines("--full adds average rates, Freeman-Tukey pools, thresholds and shrinkage")


def _groups(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "group": row["group"],
                "k": str(row["k"]),
                "events/total": f"{row['events']}/{row['total']}",
                "typical % (95 %)": interval(row, "typical"),
                "P(best)": probability(row["p_best"]),
            }
            for row in rows
        ]
    )


def _groups_rest(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "group": row["group"],
                "average %": interval(row, "average"),
                "Freeman-Tukey %": interval(row, "ft", "estimate"),
                "shrinkage": _bounded(row["shrinkage"]),
                "SUCRA": "-" if pd.isna(row["sucra"]) else f"{row['sucra']:.2f}",
            }
            for row in rows
        ]
    )


def _bounded(shrinkage: Any) -> str:
    """Return shrinkage within its meaning: 0 keeps the raw rate, 1 ignores it."""
    if shrinkage is None or pd.isna(shrinkage) or not -0.005 <= shrinkage <= 1.005:
        return "-"
    return f"{abs(shrinkage):.2f}"


def _contrasts(contrasts: pd.DataFrame, estimand: str, *, full: bool) -> pd.DataFrame:
    rows = []
    chosen = contrasts[contrasts["estimand"] == estimand]
    for (a, b), pair in chosen.groupby(["a", "b"], sort=False):
        scales = {str(row["scale"]): row for row in pair.to_dict("records")}
        rows.append(_contrast(str(a), str(b), scales))
    frame = pd.DataFrame(rows)
    return frame if full else frame.drop(columns="P(beyond)")


def _contrast(a: str, b: str, scales: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    difference, ratio = scales["risk_difference"], scales["odds_ratio"]
    moved = [difference[part] for part in ("median", "lower", "upper")]
    odds = [ratio[part] for part in ("median", "lower", "upper")]
    p = float(difference["p_superior"])
    if moved[0] < 0:
        a, b, p = b, a, 1 - p
        moved = [-moved[0], -moved[2], -moved[1]]
        odds = [1 / odds[0], 1 / odds[2], 1 / odds[1]]
    return {
        "contrast": f"{a} v. {b}",
        "points (95 %)": points(moved[0], moved[1], moved[2]),
        "odds ratio (95 %)": rate(odds[0], odds[1], odds[2], 2),
        "P": probability(p),
        "P(beyond)": probability(float(difference["p_margin"])),
    }


def groups_answer(analysis: "SubgroupAnalysis", event: str) -> str:
    """Return the answer in a sentence: the best group, and how sure that is."""
    table = analysis.groups
    best = table.loc[table["p_best"].idxmax()]
    if len(table) == 1:
        end = "is alone; there is nothing to compare"
        return f"{best['group']} {end}."
    end = "highest" if analysis.higher_is_better else "lowest"
    chance = probability(float(best["p_best"]))
    return (
        f"{best['group']} has the {end} typical rate of patients with {event}, "
        f"{sentence_interval(best.to_dict(), 'typical', '95 % interval')}, with a probability of "
        f"{chance} among {len(table)} groups."
    )
