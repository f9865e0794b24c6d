"""Pages of the groups for readers: each grouping, the claims, every assumption."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from models.analyses.groups.assumptions import DRAWS
from models.analyses.groups.claims import CLAIMS
from models.analyses.groups.claims_table import claims_frame, claims_markdown
from models.analyses.groups.summary import SubgroupAnalysis
from models.estimands.contrasts import DEFAULT_MARGIN, NOT_RANDOMISED, RATES
from models.render.format import frame_markdown, latex, points, probability, rate
from models.render.templates import page


def groups_frame(analysis: SubgroupAnalysis) -> pd.DataFrame:
    """Return the groups as a frame of texts."""
    rows = []
    for r in analysis.groups.itertuples():
        missing = r.shrinkage is None or pd.isna(r.shrinkage)
        rows.append(
            {
                "group": r.group,
                "k": str(r.k),
                "events/total": f"{r.events}/{r.total}",
                "crude": f"{r.crude:.3f}",
                "Freeman-Tukey (95 % CI)": rate(r.ft_estimate, r.ft_lower, r.ft_upper),
                "typical rate": rate(r.typical_median, r.typical_lower, r.typical_upper),
                "average rate": rate(r.average_median, r.average_lower, r.average_upper),
                "shrinkage": "-" if missing else f"{r.shrinkage:.2f}",
                "P(> 10 %)": probability(r.p_above_10),
                "P(> 20 %)": probability(r.p_above_20),
                "P(> 30 %)": probability(r.p_above_30),
                "SUCRA": "-" if pd.isna(r.sucra) else f"{r.sucra:.2f}",
                "P(best)": probability(r.p_best),
            }
        )
    return pd.DataFrame(rows)


def contrasts_frame(analysis: SubgroupAnalysis, estimand: str = "typical") -> pd.DataFrame:
    """Return the contrasts of one estimand as a frame of texts, one row a pair."""
    chosen = analysis.contrasts[analysis.contrasts["estimand"] == estimand]
    rows = []
    for (a, b), pair in chosen.groupby(["a", "b"], sort=False):
        by_scale = pair.set_index("scale")
        difference = by_scale.loc["risk_difference"]
        row = {
            "a": a,
            "b": b,
            "risk difference a - b (points)": points(
                difference["median"], difference["lower"], difference["upper"]
            ),
        }
        for scale in ("risk_ratio", "odds_ratio"):
            ratio = by_scale.loc[scale]
            row[scale.replace("_", " ") + " a / b"] = rate(
                ratio["median"], ratio["lower"], ratio["upper"], 2
            )
        row |= {
            "P(a > b)": probability(difference["p_superior"]),
            "P(beyond margin)": probability(difference["p_margin"]),
            "P(within margin)": probability(difference["p_within"]),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def headline(analysis: SubgroupAnalysis) -> str:
    """Return the sentence on heterogeneity between groups."""
    sigma, tau = analysis.sigma_group, analysis.tau
    text = (
        f"Standard deviation between groups, sigma_group, "
        f"{rate(sigma['median'], sigma['lower'], sigma['upper'], 2)}; between studies of a group, "
        f"tau, {rate(tau['median'], tau['lower'], tau['upper'], 2)} (logit scale). "
    )
    if analysis.ft_between_p is not None:
        text += f"Freeman-Tukey test between groups: p = {analysis.ft_between_p:.4f}. "
    text += (
        f"Log Bayes factor (natural) of the grouped against the pooled model on the same studies: "
        f"{analysis.log_bayes_factor:+.2f}; between -1 and 1 it says hardly anything, and it "
        "depends on the prior of sigma_group. The test and the posterior may disagree: the test "
        "gives every group a tau of its own (none at k = 2), the model shares one."
    )
    return text


def analysis_markdown(analysis: SubgroupAnalysis, title: str, margin: float) -> str:
    """Return the page of one grouping."""
    best = "highest" if analysis.higher_is_better else "lowest"
    parts = [
        f"# {title}",
        "",
        NOT_RANDOMISED,
        "",
        headline(analysis),
        "",
        f"Gate: {analysis.gate}.",
        "",
        "## Groups",
        "",
        "Posterior medians with 95 % equal-tailed intervals; typical: rate of the median study, "
        "average: mean rate over studies. Shrinkage is that of the average rate, from the crude "
        "rate towards what the other groups predict (0 keeps the crude rate, 1 ignores it; outside "
        "that range where the average over studies differs from the patient-weighted crude rate; "
        "a dash where the two are within 0.01). P(> ...) refers to the typical rate. SUCRA, the "
        "mean probability of being better than another group, and P(best) refer to the typical "
        f"rate; best is {best}.",
        "",
        frame_markdown(groups_frame(analysis)),
        "",
    ]
    if len(analysis.groups) > 1:
        width = f"{100 * margin:g} percentage points"
        for estimand in RATES:
            parts += [
                f"## Contrasts of {estimand} rates",
                "",
                f"Margin: {width}. P(beyond margin) is the probability that the difference "
                "exceeds the margin in the direction of its median.",
                "",
                frame_markdown(contrasts_frame(analysis, estimand)),
                "",
            ]
        league = league_table(analysis.contrasts, "odds_ratio", "typical")
        ranks = analysis.ranks.map(probability)
        parts += [
            "## League table: odds ratios of typical rates, row against column",
            "",
            frame_markdown(league.reset_index()),
            "",
            "## Rank probabilities (1 is best)",
            "",
            frame_markdown(ranks.reset_index()),
            "",
        ]
    return "\n".join(parts)


def league_table(contrasts: pd.DataFrame, scale: str, estimand: str) -> pd.DataFrame:
    """Return the league table of a scale: row group against column group.

    Parameters
    ----------
    contrasts
        From ``contrast_table``.
    scale, estimand
        Which rows; the cells of the other triangle are the same contrasts turned round.

    Returns
    -------
    pandas.DataFrame
        Index and columns are the groups. A cell holds ``median (lower to upper); P`` of row
        against column, where P is the probability that the row's rate is the higher one.
    """
    chosen = contrasts[(contrasts["scale"] == scale) & (contrasts["estimand"] == estimand)]
    groups = list(dict.fromkeys([*chosen["b"], *chosen["a"]]))
    difference = scale == "risk_difference"
    table = pd.DataFrame("", index=pd.Index(groups, name="row v. column"), columns=groups)
    for row in chosen.itertuples():
        low, mid, high, p = row.lower, row.median, row.upper, row.p_superior
        turned = (-mid, -high, -low) if difference else (1 / mid, 1 / high, 1 / low)
        for r, c, numbers, prob in (
            (row.a, row.b, (mid, low, high), p),
            (row.b, row.a, turned, 1 - p),
        ):
            table.loc[r, c] = f"{rate(*numbers, digits=2)}; P {probability(prob)}"
    return table


def assumptions_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the assumptions of one claim, or of several, as a frame of texts."""
    rows, before = [], ""
    for r in table.itertuples():
        ordered = not pd.isna(r.odds_ratio_median)
        difference = ordered or r.estimand.startswith("risk difference")
        show = points if difference else rate
        estimate = show(r.estimate_median, r.estimate_lower, r.estimate_upper)
        rows.append(
            {
                "": r.section if r.section != before else "",
                "assumption": r.change,
                "estimate": estimate + (" points" if difference else ""),
                "odds ratio": rate(r.odds_ratio_median, r.odds_ratio_lower, r.odds_ratio_upper, 2)
                if ordered
                else "-",
                "prior probability": "-"
                if pd.isna(r.prior_probability)
                else probability(r.prior_probability),
                "posterior probability": probability(r.probability),
            }
        )
        before = r.section
    return pd.DataFrame(rows)


def assumptions_markdown(table: pd.DataFrame) -> str:
    """Return the page on how each claim depends on the model of the group means."""
    estimands = {claim.claim_id: claim.estimand for claim in CLAIMS}
    table = table.assign(estimand=table["claim_id"].map(estimands))
    return page(
        "analyses/groups/assumptions.md",
        not_randomised=NOT_RANDOMISED,
        draws=DRAWS,
        claims=[
            (
                f"{claim.claim_id} {claim.claim}: {claim.estimand}",
                assumptions_frame(table[table["claim_id"] == claim.claim_id]),
            )
            for claim in CLAIMS
        ],
    )


def randomised_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return the randomised comparisons as a frame of texts."""
    rows = [
        {
            "counts from": r.counts,
            "a": r.a,
            "events/total, a": f"{r.events_a}/{r.total_a}",
            "b": r.b,
            "events/total, b": f"{r.events_b}/{r.total_b}",
            "difference a - b (points)": points(r.median, r.lower, r.upper),
            "P(a > b)": probability(r.p_superior),
            "Fisher's exact p": f"{r.fisher_p:.2f}",
        }
        for r in table.itertuples()
    ]
    return pd.DataFrame(rows)


def randomised_markdown(table: pd.DataFrame) -> str:
    """Return the page of the two randomised comparisons."""
    return "\n".join(
        [
            "# The two randomised comparisons",
            "",
            "Objective response in the two trials that randomised between arms of this review. "
            "Denominators are evaluable patients, not all those randomised, and D'Angelo 2018 was "
            "not designed to compare its arms. Posterior with independent Jeffreys priors, "
            "Beta(1/2, 1/2), in each arm; risk difference with 95 % equal-tailed interval. With "
            "one event or none, as in Chawla 2022, the posterior leans on the prior.",
            "",
            frame_markdown(randomised_frame(table)),
            "",
        ]
    )


def pages(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Return the pages of this part from its tables."""
    found = {}
    for row in tables["groupings"].to_dict("records"):
        analysis, title = _analysis(tables, row), row["title"]
        caption = f"{title}. {NOT_RANDOMISED}"
        text = latex(groups_frame(analysis), caption)
        if len(analysis.groups) > 1:
            text += "\n" + latex(contrasts_frame(analysis), f"{caption} Typical rates.")
        found[f"{analysis.name}.md"] = analysis_markdown(analysis, title, row["margin"])
        found[f"{analysis.name}.tex"] = text
    randomised, claims = tables["randomised"], tables["claims"]
    found |= {
        "assumptions.md": assumptions_markdown(tables["assumptions"]),
        "randomised.md": randomised_markdown(randomised),
        "claims.md": claims_markdown(claims, tables["similarity"]),
    }
    for stem, frame, caption in (
        ("claims", claims_frame(claims), f"The paper's conclusions. {NOT_RANDOMISED}"),
        ("randomised", randomised_frame(randomised), "The two randomised comparisons."),
    ):
        found[f"{stem}.tex"] = latex(frame, caption)
    return found


def groupings_table(titles: Mapping[str, str], analyses: list[SubgroupAnalysis]) -> pd.DataFrame:
    """Return what the pages say of each grouping beside its own tables, one row a grouping."""
    return pd.DataFrame(
        [
            {
                "name": analysis.name,
                "title": titles[analysis.name],
                "outcome": analysis.outcome,
                "by": analysis.by,
                "margin": DEFAULT_MARGIN,
                **{f"sigma_group_{part}": value for part, value in analysis.sigma_group.items()},
                **{f"tau_{part}": value for part, value in analysis.tau.items()},
                "higher_is_better": analysis.higher_is_better,
                "ft_between_p": analysis.ft_between_p,
                "log_bayes_factor": analysis.log_bayes_factor,
                "gate": analysis.gate,
            }
            for analysis in analyses
        ]
    )


def _analysis(tables: Mapping[str, pd.DataFrame], row: Mapping[str, Any]) -> SubgroupAnalysis:
    """Return a grouping as its tables hold it."""
    name, p = str(row["name"]), row["ft_between_p"]
    parts = ("median", "lower", "upper")
    return SubgroupAnalysis(
        name=name,
        outcome=row["outcome"],
        by=row["by"],
        review=pd.DataFrame(),
        fit=None,
        gate=row["gate"],
        groups=tables[name],
        contrasts=tables[f"{name}_contrasts"],
        ranks=tables[f"{name}_ranks"].set_index("group"),
        sigma_group={part: row[f"sigma_group_{part}"] for part in parts},
        tau={part: row[f"tau_{part}"] for part in parts},
        higher_is_better=row["higher_is_better"],
        ft_between_p=None if pd.isna(p) else p,
        log_bayes_factor=row["log_bayes_factor"],
    )
