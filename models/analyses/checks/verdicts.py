"""Every check of the workflow: its figure, its threshold, the reason, and the verdict.

Three questions are asked. *Is the computation right?* can fail: then numbers are not to be used.
*Does the model fit?* and *do conclusions depend on choices?* end in a pass or in an attention,
which a reader must know and which is no error.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import pandas as pd
from scipy.stats import kstest, norm

from models.analyses.checks.comparison import PARETO_K_MAX
from models.analyses.checks.loo import PSIS_ERROR_MAX
from models.analyses.checks.posterior_predictive import NEW, TAIL
from models.analyses.checks.power import THRESHOLD
from models.analyses.checks.prior_predictive import LIMITS
from models.analyses.groups.assumptions import MAIN
from models.analyses.groups.claims import CLAIMS, limits
from models.fitting.gate import QUADRATURE_ERROR_MAX

COMPUTATION, MODEL, CHOICES = (
    "Is the computation right?",
    "Does the model fit?",
    "Do conclusions depend on choices?",
)
PASS, FAIL, ATTENTION = "pass", "FAIL", "attention"
UNIFORM_P: Final = 0.01
CHANCE: Final = 0.001
"""Probability with which a check of many sampled means may fail by chance."""
INFLUENCE_MAX: Final = 0.5
"""Posterior standard deviations by which one study may shift a pool."""
SHOWN: Final = 3
"""Of many findings, how many a figure names."""


@dataclass(frozen=True)
class Check:
    """One check; ``verdict`` is ``pass``, ``attention`` or ``FAIL``."""

    question: str
    check: str
    figure: str
    threshold: str
    reason: str
    verdict: str


def check_table(checks: Iterable[Check]) -> pd.DataFrame:
    """Return one row a check."""
    return pd.DataFrame([asdict(check) for check in checks])


def failed(table: pd.DataFrame) -> list[str]:
    """Return what failed, in words."""
    rows = table[table["verdict"] == FAIL].itertuples()
    return [f"{row.check}: {row.figure}" for row in rows]


def _must(holds: bool) -> str:
    return PASS if holds else FAIL


def _should(holds: bool) -> str:
    return PASS if holds else ATTENTION


def gate_checks(problems: Iterable[str]) -> list[Check]:
    """Judge that every fit behind the checks passed the gate."""
    found = list(problems)
    return [
        Check(
            COMPUTATION,
            "fits that these checks rest on",
            "; ".join(found) or "all passed",
            "the gate of every fit",
            "numbers from draws that did not pass are not to be used",
            _must(not found),
        )
    ]


def sampler_checks(parts: Mapping[str, pd.DataFrame]) -> list[Check]:
    """Judge the sampler against the exact posteriors that are reported, part by part."""
    found = []
    for part, table in parts.items():
        worst = table.loc[table["difference"].abs().idxmax()]
        limit = float(norm.isf(CHANCE / 2 / len(table)))
        found.append(
            Check(
                COMPUTATION,
                f"{part}: No-U-Turn sampler against the exact posterior, "
                f"{len(table)} posterior means of {table['fit'].nunique()} fits",
                f"largest difference {abs(worst['difference']):.1f} Monte Carlo standard errors "
                f"({worst['fit']}, {worst['quantity']})",
                f"at most {limit:.1f}",
                f"by chance exceeded with probability {CHANCE:g}",
                _must(abs(worst["difference"]) <= limit),
            )
        )
    return found


def quadrature_checks(tables: Iterable[pd.DataFrame]) -> list[Check]:
    """Judge the quadrature error of every exact refit."""
    errors = pd.concat([table["quadrature_error"] for table in tables])
    return [
        Check(
            COMPUTATION,
            f"quadrature error of {len(errors)} exact refits",
            f"{errors.max():.1e}",
            f"at most {QUADRATURE_ERROR_MAX:g}",
            "a thousandth of a posterior standard deviation",
            _must(errors.max(skipna=False) <= QUADRATURE_ERROR_MAX),
        )
    ]


def claim_checks(claims: pd.DataFrame) -> list[Check]:
    """Judge that no wording of a claim can be changed by Monte Carlo error."""
    drawn = claims[claims["mcse"] > 0]
    similar = {claim.claim_id: claim.similar for claim in CLAIMS}
    gaps = [
        (min(abs(c.probability - at) for at in limits(similar[c.claim_id])) / c.mcse, c.claim_id)
        for c in drawn.itertuples()
    ]
    nearest, name = min(gaps)
    return [
        Check(
            COMPUTATION,
            "wordings that another seed could change",
            f"nearest to a limit: {name}, {nearest:.0f} Monte Carlo standard errors",
            "at least 3",
            "the other claims are judged by quadrature",
            _must(nearest >= 3),
        )
    ]


def pool_checks(pools: pd.DataFrame) -> list[Check]:
    """Compare the pools with the published ones: a regression test."""
    judged = pools[pools["verdict"].isin(["passes", "fails"])]
    return [
        Check(
            COMPUTATION,
            "regression test: typical rate beside the published pool",
            f"{int((judged['verdict'] == 'passes').sum())} of {len(judged)} within; largest "
            f"difference {100 * judged['difference'].abs().max():.1f} points",
            "3.0 points (3.5 for three or four studies)",
            "two estimands that need not agree; the tolerance was set after the first result and "
            "guards against changes only",
            _must(bool((judged["verdict"] == "passes").all())),
        )
    ]


def prior_checks(table: pd.DataFrame) -> list[Check]:
    """Say whether the priors are weakly informative by limits that were set beforehand."""
    rows = table[table["quantity"].isin(list(LIMITS))]
    beyond = rows[rows["value"] > rows["limit"]]
    named = "; ".join(f"{r.meaning}: {r.value:.4f} > {r.limit:g}" for r in beyond.itertuples())
    return [
        Check(
            MODEL,
            f"prior predictive: {len(rows)} probabilities of absurd data",
            named or f"all within, largest {rows['value'].max():.4f}",
            "; ".join(f"{limit:g}" for limit in rows["limit"]),
            "rates below 1 % or above 99 %, odds ratios beyond 20",
            _should(beyond.empty),
        )
    ]


def predictive_checks(table: pd.DataFrame) -> list[Check]:
    """Say which statistics of the data replicates of new studies hardly reach."""
    rows = table[table["replicates"] == NEW]
    named = "; ".join(
        f"{r.model}, {r.part}: {r.statistic} {r.observed:.3g}, replicates {r.lower:.3g} to "
        f"{r.upper:.3g}"
        for r in rows[rows["noted"]].itertuples()
    )
    models = list(dict.fromkeys(rows["model"]))
    return [
        Check(
            MODEL,
            f"posterior predictive, {', '.join(models)}: {len(rows)} statistics of new studies",
            named or "all within the replicates",
            f"either tail at least {TAIL:g}",
            "with so many statistics one may be chance",
            _should(not named),
        )
    ]


def loo_checks(
    tables: Mapping[str, pd.DataFrame], pits: Mapping[str, pd.DataFrame], compared: pd.DataFrame
) -> list[Check]:
    """Judge importance sampling against exact leave-one-out, and say how well arms are predicted.

    Parameters
    ----------
    tables, pits
        By model, from `models.analyses.checks.loo`.
    compared
        The comparison of models.
    """
    worst = max(table["difference"].abs().max(skipna=False) for table in tables.values())
    pareto = compared["pareto_k_max"].max(skipna=False)
    p = {m: float(kstest(pit["randomised"], "uniform").pvalue) for m, pit in pits.items()}
    return [
        Check(
            COMPUTATION,
            "leave-one-out: importance sampling against exact, worst arm; largest Pareto k of "
            f"{len(compared)} models",
            f"{worst:.4f}; {pareto:.2f}",
            f"at most {PSIS_ERROR_MAX:g}; at most {PARETO_K_MAX:g}",
            "a tenth of a visible difference; above it importance sampling is unreliable",
            _must(worst <= PSIS_ERROR_MAX and pareto <= PARETO_K_MAX),
        ),
        Check(
            MODEL,
            "leave-one-out probability transforms uniform (Kolmogorov-Smirnov)",
            "; ".join(f"{model} p = {value:.2f}" for model, value in p.items()),
            f"at least {UNIFORM_P:g}",
            "with 38 arms only gross misfit shows",
            _should(min(p.values()) >= UNIFORM_P),
        ),
    ]


def comparison_checks(table: pd.DataFrame) -> list[Check]:
    """Say which models the data tell apart."""
    apart = table[table["verdict"] == "predicts worse"]
    best = table.iloc[0]
    rest = "; ".join(
        f"{r.model} {r.elpd_diff:.1f} (SE {r.dse:.1f})" for r in table.iloc[1:].itertuples()
    )
    return [
        Check(
            MODEL,
            f"models that predict worse than {best['model']}",
            f"{', '.join(apart['model']) or 'none'}; differences of elpd: {rest}",
            "difference at least 4 and 2 SE",
            "38 arms are few, and no winner is declared",
            _should(apart.empty),
        )
    ]


def influence_checks(table: pd.DataFrame) -> list[Check]:
    """Say how far one study moves a pool."""
    sd = (table["typical_upper"] - table["typical_lower"]) / (2 * norm.isf(0.025))
    table = table.assign(moved=table["typical_shift"] / sd)
    rows = table.loc[table["moved"].abs().groupby(table["outcome"], sort=False).idxmax()]
    return [
        Check(
            CHOICES,
            "largest shift of a pooled rate by leaving out one study",
            "; ".join(
                f"{r.outcome.upper()} {100 * r.typical_shift:+.1f} points, {abs(r.moved):.2f} "
                f"posterior SD, without {r.study}"
                for r in rows.itertuples()
            ),
            f"at most {INFLUENCE_MAX:g} posterior SD",
            "one arm should not move a pool by half of what is left open",
            _should(bool((rows["moved"].abs() <= INFLUENCE_MAX).all())),
        )
    ]


def choice_checks(table: pd.DataFrame) -> list[Check]:
    """Say which claims are worded otherwise by each kind of analysis.

    Parameters
    ----------
    table
        From `models.analyses.checks.questions.one_question`.
    """
    main = table[table["scenario"] == MAIN].set_index("claim_id")["probability"]
    found = []
    for section, rows in table[table["scenario"] != MAIN].groupby("section", sort=False):
        named = []
        for claim in CLAIMS:
            own = rows.loc[rows["claim_id"] == claim.claim_id, "probability"].dropna()
            before = claim.verdict(main[claim.claim_id])
            words = {claim.verdict(p) for p in own} - {before}
            if words:
                named.append(
                    f"{claim.claim_id} {main[claim.claim_id]:.2f} ({before}): "
                    f"{own.min():.2f} to {own.max():.2f}"
                )
        found.append(
            Check(
                CHOICES,
                f"claims worded otherwise: {section}",
                "; ".join(named) or "none",
                "none",
                "a conclusion that depends on this choice must say so",
                _should(not named),
            )
        )
    return found


def power_checks(table: pd.DataFrame) -> list[Check]:
    """Say which estimands their hyperpriors pull visibly."""
    sensitive = table[table["prior"] >= THRESHOLD].sort_values("prior", ascending=False)
    scales = sensitive["estimand"].str.match(r"(sigma|tau|mu)")
    named = [f"{r.estimand} {r.prior:.2f} ({r.analysis})" for r in sensitive.itertuples()][:SHOWN]
    return [
        Check(
            CHOICES,
            f"power-scaling of the hyperpriors, {len(table)} estimands of "
            f"{table['analysis'].nunique()} analyses",
            f"{len(sensitive)} sensitive, {int(scales.sum())} of them means or standard "
            f"deviations; {', '.join(named) or 'none'}",
            f"below {THRESHOLD:g}",
            "the limit of Kallioinen et al. (2024)",
            _should(sensitive.empty and not table["prior"].isna().any()),
        )
    ]
