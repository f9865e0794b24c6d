"""The plan as frames of texts, for terminal and pages; and its paragraph for a protocol."""

import pandas as pd

from models.analyses.next_trial.plan import Design, Plan
from models.render.format import percents, probability, rate
from models.render.templates import page

EXPLAINED = {
    "exact": "exact one-sided test",
    "simon optimal": "Simon, optimal",
    "simon minimax": "Simon, minimax",
    "map": "Bayesian, MAP prior",
    "robust map": "Bayesian, robust MAP prior",
    "vague": "Bayesian, uniform prior",
}


def rules_table(rules: pd.DataFrame, null: float, alternative: float | None) -> pd.DataFrame:
    """Return the rules as texts.

    Parameters
    ----------
    rules
        From `models.analyses.next_trial.plan.Plan.rules_frame`.
    null, alternative
        Of the design.
    """
    rows = []
    for r in rules.itertuples():
        needs = "never" if pd.isna(r.critical) else f"{r.critical} of {r.n}"
        if not pd.isna(r.first_stage):
            needs += f"; stop at {r.stop_at} or fewer of {r.first_stage}"
        row = {
            "rule": EXPLAINED[r.rule],
            "success from": needs,
            f"success at {100 * null:g} %": f"{r.type_one_error:.3f}",
        }
        if alternative is not None:
            row[f"success at {100 * alternative:g} %"] = f"{r.power:.3f}"
        row["assurance"] = f"{r.assurance:.2f}"
        row["patients, expected"] = f"{r.expected_n:.1f}"
        rows.append(row)
    return pd.DataFrame(rows)


def smallest_table(smallest: pd.DataFrame) -> pd.DataFrame:
    """Return the smallest trials as texts."""
    return pd.DataFrame(
        {
            "assurance": [f"{t:g}" for t in smallest["target"]],
            "patients, from": [
                "more than 1000" if pd.isna(n) else f"{n:.0f}" for n in smallest["n"]
            ],
            "success from": ["-" if pd.isna(c) else f"{c:.0f}" for c in smallest["critical"]],
        }
    )


def randomised_table(randomised: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison with a control arm as texts."""
    names = {"vague": "uniform (no borrowing)", "map": "MAP", "robust map": "robust MAP"}
    return pd.DataFrame(
        {
            "control's prior": randomised["control_prior"].map(names),
            "patients": [
                f"{a} : {b}" for a, b in zip(randomised["n"], randomised["n_control"], strict=True)
            ],
            "type I error": randomised["type_one_error"].map("{:.3f}".format),
            "largest type I error": [
                f"{error:.3f} at {100 * at:.0f} %"
                for error, at in zip(
                    randomised["type_one_error_max"],
                    randomised["type_one_error_max_rate"],
                    strict=True,
                )
            ],
            "power, +20 points": (
                randomised["power_20"].map("{:.2f}".format) if "power_20" in randomised else "-"
            ),
            "assurance, one study effect": randomised["assurance, one study effect"].map(
                "{:.2f}".format
            ),
            "assurance, independent arms": randomised["assurance, independent arms"].map(
                "{:.2f}".format
            ),
        }
    )


def prior_words(plan: Plan) -> list[str]:
    """Return what the terminal says of the prior, line by line."""
    found, prior, ess = plan.map(), plan.prior, plan.ess
    interval = rate(found["median"], found["lower"], found["upper"])
    null, counted, robust = plan.design.null, prior.counted, plan.robust_map()
    none = "does not exist (a prior scale above 1)"
    worth, robust_worth = (
        none if value is None else f"{value:.1f}" for value in (ess["elir"], plan.robust_ess)
    )
    by = "by quadrature" if prior.exact else "from draws"
    return [
        f"{prior.arm}: {prior.model}, {by}; {prior.arms} arms, {prior.events} of {prior.total} "
        f"{counted.patients} {counted.did}",
        f"true {counted.rate} {interval} (median, 95 % prediction), mean {found['mean']:.3f}, "
        f"sd {found['sd']:.3f}; P(rate > {null:g}) = {probability(plan.above)}",
        f"worth (effective sample size): ELIR {worth}, moment {ess['moment']:.1f}, "
        f"Morita {ess['morita']:.1f} patients",
        f"robust prior (uniform component of weight {plan.design.robust:g}): true rate "
        f"{rate(robust['median'], robust['lower'], robust['upper'])}, ELIR {robust_worth}, "
        f"P(rate > {null:g}) = {probability(robust['probability_above_null'])}, assurance of the "
        f"exact test {robust['assurance']:.2f}",
        f"mixture of {plan.mixture.weight.size} betas, largest error of a cumulative probability "
        f"{plan.mixture.cdf_error:.4f}:",
        f"  R (RBesT)  {plan.mixture.r_line()}",
        f"  Stan       {plan.mixture.stan_line()}",
    ]


def protocol(plan: Plan) -> str:
    """Return a paragraph for a protocol."""
    found, robust, design = plan.map(), plan.robust_map(), plan.design
    frame = plan.rules_frame().astype(object)
    rules = frame.where(frame.notna(), None).set_index("rule")
    return page(
        "analyses/next_trial/protocol.md",
        plan=plan,
        design=design,
        interval=percents(found["median"], found["lower"], found["upper"]),
        robust_interval=percents(robust["median"], robust["lower"], robust["upper"]),
        robust_prior=robust,
        exact=rules.loc["exact"],
        robust_rule=rules.loc["robust map"],
        simon=rules.loc["simon optimal"] if "simon optimal" in rules.index else None,
    )


def asked(design: Design) -> str:
    """Return what was asked, in words."""
    words = f"{design.n} patients, null rate {100 * design.null:g} %"
    if design.alternative is not None:
        words += f", alternative {100 * design.alternative:g} %"
    return words
