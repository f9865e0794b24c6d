"""The tables of a review as texts, in per cent: for the terminal, pages and notebooks."""

import pandas as pd

from models.analyses.review.summary import ReviewResult
from models.analyses.review.words import interval
from models.render.format import points, probability, rate

type Titled = tuple[str, pd.DataFrame]
"""A table with its title."""


def pools_frame(result: ReviewResult) -> pd.DataFrame:
    """Return one row an estimator."""
    level = f"% ({100 * result.settings.level:g} %)"
    rows = []
    for row in result.tables["pools"].to_dict("records"):
        found = [("typical rate" if row["estimator"] == "Bayes" else "", "typical")]
        if row["estimator"] == "Bayes":
            found += [("average rate", "average"), ("new study", "new_study")]
        for label, name in found:
            words = f"{row['estimator']}, {label}" if label else row["estimator"]
            rows.append({"estimator": words, level: interval(row, name)})
    return pd.DataFrame(rows)


def studies_frame(result: ReviewResult) -> pd.DataFrame:
    """Return one row a study, in the order of the file."""
    return pd.DataFrame(
        [
            {
                "study": row["study"],
                "events/total": f"{row['events']}/{row['total']}",
                "observed %": f"{100 * row['observed']:.1f}",
                "estimated % (interval)": interval(row),
            }
            for row in result.tables["studies"].to_dict("records")
        ]
    )


def thresholds_frame(result: ReviewResult) -> pd.DataFrame:
    """Return the probabilities that rates lie above thresholds."""
    return pd.DataFrame(
        [
            {
                "above": f"{100 * row['threshold']:g} %",
                "P(typical)": probability(row["p_typical_above"]),
                "P(average)": probability(row["p_average_above"]),
                "P(new study)": probability(row["p_new_study_above"]),
            }
            for row in result.tables["thresholds"].to_dict("records")
        ]
    )


def groups_frame(result: ReviewResult) -> pd.DataFrame:
    """Return one row a group."""
    end = "lowest" if result.settings.direction == "lower" else "highest"
    rows = []
    for row in result.tables["groups"].to_dict("records"):
        cells = {
            "group": row["group"],
            "k": str(row["k"]),
            "events/total": f"{row['events']}/{row['total']}",
            "typical % (interval)": interval(row, "typical"),
            f"P({end})": probability(row[f"p_{end}"]),
        }
        for threshold in result.settings.thresholds:
            name = f"{100 * threshold:g}"
            cells[f"P(> {name} %)"] = probability(row[f"p_above_{name}"])
        rows.append(cells)
    return pd.DataFrame(rows)


def contrasts_frame(result: ReviewResult) -> pd.DataFrame:
    """Return one row a pair, the one with the higher rate first."""
    rows = []
    for row in result.tables["contrasts"].to_dict("records"):
        a, b, p, unpooled = row["a"], row["b"], row["p_higher"], row["p_higher_unpooled"]
        difference, ratio = (
            [row[f"{scale}_{part}"] for part in ("median", "lower", "upper")]
            for scale in ("risk_difference", "odds_ratio")
        )
        if row["risk_difference_median"] < 0:
            a, b, p, unpooled = b, a, 1 - p, 1 - unpooled
            difference = [-difference[0], -difference[2], -difference[1]]
            ratio = [1 / ratio[0], 1 / ratio[2], 1 / ratio[1]]
        rows.append(
            {
                "contrast": f"{a} v. {b}",
                "points (interval)": points(*difference),
                "odds ratio (interval)": rate(ratio[0], ratio[1], ratio[2], 2),
                "P": probability(p),
                "P, unpooled": probability(unpooled),
            }
        )
    return pd.DataFrame(rows)


def group_priors_frame(result: ReviewResult) -> pd.DataFrame:
    """Return what the prior of sigma does to every contrast."""
    return pd.DataFrame(
        [
            {
                "a": row["a"],
                "b": row["b"],
                "prior of sigma": row["sigma"],
                "odds ratio a / b": interval_of_ratio(row),
                "P(a > b)": probability(row["p_higher"]),
            }
            for row in result.tables["group_priors"].to_dict("records")
        ]
    )


def interval_of_ratio(row: dict[str, float], name: str = "odds_ratio") -> str:
    """Return an odds ratio with its interval."""
    return rate(row[f"{name}_median"], row[f"{name}_lower"], row[f"{name}_upper"], 2)


def leave_one_out_frame(result: ReviewResult) -> pd.DataFrame:
    """Return the pool without each study."""
    rows = []
    for row in result.tables["leave_one_out"].to_dict("records"):
        cells = {
            "without": row["left_out"],
            "typical % (interval)": interval(row, "typical"),
            "tau": f"{row['tau_median']:.2f}",
            "Freeman-Tukey %": interval(row, "ft", "estimate"),
        }
        if "p_value" in row:
            cells["p"] = probability(row["p_value"])
        rows.append(cells)
    return pd.DataFrame(rows)


def cumulative_frame(result: ReviewResult) -> pd.DataFrame:
    """Return the pool as studies are added."""
    return pd.DataFrame(
        [
            {
                "added": row["added"],
                "": "" if pd.isna(row["order"]) else f"{row['order']:g}",
                "k": str(row["k"]),
                "typical % (interval)": interval(row, "typical"),
                "Freeman-Tukey %": interval(row, "ft", "estimate"),
            }
            for row in result.tables["cumulative"].to_dict("records")
        ]
    )


def priors_frame(result: ReviewResult) -> pd.DataFrame:
    """Return the pool under other priors."""
    return pd.DataFrame(
        [
            {
                "prior": f"{row['changed']} = {row['prior']}" if row["changed"] else "as set",
                "typical %": interval(row, "typical"),
                "new study %": interval(row, "new_study"),
                "tau": f"{row['tau_median']:.2f}",
            }
            for row in result.tables["priors"].to_dict("records")
        ]
    )


def coefficients_frame(result: ReviewResult) -> pd.DataFrame:
    """Return the odds ratio of a step of every covariate."""
    rows = []
    for row in result.tables["coefficients"].to_dict("records"):
        unit = row["unit"] if isinstance(row["unit"], str) else f"per {row['unit']:.3g}"
        level = row["level"] if isinstance(row["level"], str) else ""
        rows.append(
            {
                "covariate": f"{row['covariate']} {level}".strip(),
                "step": unit,
                "odds ratio (interval)": rate(row["median"], row["lower"], row["upper"], 2),
                "P(> 1)": probability(row["p_above_one"]),
            }
        )
    return pd.DataFrame(rows)


def prediction_words(result: ReviewResult) -> str:
    """Return the sentence on the events of a new study; empty if none was asked for."""
    table = result.tables.get("prediction")
    if table is None:
        return ""
    chance = table["probability"].cumsum()
    lower, middle, upper = (
        int((chance < tail - 1e-12).sum())
        for tail in (result.settings.tails[0], 0.5, result.settings.tails[1])
    )
    return (
        f"Of {len(table) - 1} patients of a new study {middle} would have "
        f"{result.settings.event} ({result.settings.interval} {lower} to {upper})."
    )


def frames(result: ReviewResult, *, full: bool = True) -> list[Titled]:
    """Return the tables that a reader is shown, in order; the rest with ``full``."""
    shown = {
        "pools": ("Pools", pools_frame),
        "thresholds": ("Probability that the rate lies above", thresholds_frame),
        "groups": ("Groups", groups_frame),
        "contrasts": ("Contrasts of typical rates", contrasts_frame),
        "coefficients": ("Regression: odds ratios", coefficients_frame),
        "studies": ("Studies", studies_frame),
    }
    rest = {
        "priors": ("Other priors", priors_frame),
        "group_priors": ("Contrasts under other priors of sigma", group_priors_frame),
        "leave_one_out": ("Leaving out one at a time", leave_one_out_frame),
        "cumulative": ("Adding one study after the other", cumulative_frame),
    }
    chosen = shown | rest if full else shown
    return [
        (title, make(result)) for name, (title, make) in chosen.items() if name in result.tables
    ]
