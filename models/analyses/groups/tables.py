"""Tables of a subgroup analysis for readers: terminal, Markdown, LaTeX."""

from pathlib import Path

import pandas as pd

from models.analyses.groups.summary import SubgroupAnalysis
from models.common.files import write_csv, write_text
from models.estimands.contrasts import NOT_RANDOMISED, RATES
from models.render.format import frame_markdown, latex, points, probability, rate


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
        f"Gate: {analysis.fit.gate.sentence()}.",
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


def write_analysis(analysis: SubgroupAnalysis, title: str, margin: float, out: Path) -> None:
    """Write groups, contrasts and ranks as CSV, one Markdown page and LaTeX tables."""
    tables = out / "tables"
    write_csv(analysis.groups, tables / f"{analysis.name}.csv")
    write_csv(analysis.contrasts, tables / f"{analysis.name}_contrasts.csv")
    write_csv(analysis.ranks.reset_index(), tables / f"{analysis.name}_ranks.csv")
    write_text(tables / f"{analysis.name}.md", analysis_markdown(analysis, title, margin))
    caption = f"{title}. {NOT_RANDOMISED}"
    text = latex(groups_frame(analysis), caption)
    if len(analysis.groups) > 1:
        text += "\n" + latex(contrasts_frame(analysis), f"{caption} Typical rates.")
    write_text(tables / f"{analysis.name}.tex", text)


def print_analysis(analysis: SubgroupAnalysis, margin: float) -> None:
    """Print groups and contrasts to the terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    out = Console(highlight=False)
    out.print(NOT_RANDOMISED)
    out.print(headline(analysis))
    best = "highest" if analysis.higher_is_better else "lowest"
    frames = [(f"Groups (best: {best})", groups_frame(analysis))]
    if len(analysis.groups) > 1:
        width = f"margin {100 * margin:g} points"
        frames += [
            (f"Contrasts of typical rates, {width}", contrasts_frame(analysis)),
            (f"Contrasts of average rates, {width}", contrasts_frame(analysis, "average")),
        ]
    else:
        out.print("a single group: there is nothing to contrast")
    for title, frame in frames:
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for column in frame.columns:
            table.add_column(str(column), overflow="fold")
        for row in frame.itertuples(index=False):
            table.add_row(*[escape(str(cell)) for cell in row])
        out.print(table)
    out.print(f"gate: {analysis.fit.gate.sentence()}")


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
    from models.render.format import probability, rate

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
