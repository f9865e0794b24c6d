"""A plan for the next trial: prior, its worth, what it predicts, and what each rule leads to."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from models.analyses.next_trial.ess import elir, moment, morita
from models.analyses.next_trial.mixture import BetaMixture, fit_mixture
from models.analyses.next_trial.prior import GroupPriors, MapPrior
from models.analyses.next_trial.randomised import comparisons, joint_rates
from models.analyses.next_trial.rules import Rule, bayes_rules, exact_rule, smallest_trials
from models.analyses.next_trial.simon import simon_designs

RATES: Final = np.round(np.arange(0.0, 0.605, 0.01), 2)
"""True rates at which operating characteristics are tabulated."""
DIFFERENCES: Final = np.round(np.arange(0.0, 0.405, 0.05), 2)
"""Differences of true rates at which the comparison's power is tabulated, as far as rates go."""
COMMON: Final = np.round(np.linspace(0.0, 1.0, 101), 2)
"""True rates of both arms at which the comparison's type I error is tabulated."""
SEED: Final = 20250107


@dataclass(frozen=True)
class Design:
    """What is asked of the next trial.

    Attributes
    ----------
    n
        Patients of a single arm, and of the treatment arm of a randomised trial.
    null, alternative
        Rate that is not enough, rate that would be; the latter None if none is named.
    level, power
        Error rates of the frequentist rules: one-sided type I error, power.
    confidence
        Posterior probability that makes a success of the Bayesian rules.
    robust
        Prior weight of the uniform component of the robust MAP prior.
    n_control
        Patients of the control arm of a randomised trial; as many as ``n`` if None.
    """

    n: int = 40
    null: float = 0.10
    alternative: float | None = None
    level: float = 0.05
    power: float = 0.80
    confidence: float = 0.95
    robust: float = 0.20
    n_control: int | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """Answer to a designer.

    Attributes
    ----------
    prior, mixture, design
        The MAP prior, its mixture of betas, what was asked.
    ess
        ``elir``, ``moment``, ``morita``; None where it does not exist.
    robust
        The robust MAP prior: the mixture with a uniform component.
    robust_ess
        Its ``elir``.
    above
        ``P(rate > null)`` before the trial.
    rules
        In order: exact, Simon's (with an alternative), MAP, robust MAP, vague.
    smallest
        From `models.analyses.next_trial.rules.smallest_trials`.
    randomised
        One row a prior of the control arm; empty without a control group.
    drift
        Its type I error by the true rate of both arms.
    control
        Name and MAP prior of the control group, if there is one.
    """

    prior: MapPrior
    mixture: BetaMixture
    design: Design
    ess: dict[str, float | None]
    robust: MapPrior
    robust_ess: float | None
    above: float
    rules: list[Rule]
    smallest: list[dict[str, Any]]
    randomised: pd.DataFrame = field(default_factory=pd.DataFrame)
    drift: pd.DataFrame = field(default_factory=pd.DataFrame)
    control: tuple[str, MapPrior] | None = None

    def map(self) -> dict[str, float]:
        """Return mean, sd, median and 95 % interval of a new arm's rate."""
        return _numbers(self.prior)

    def robust_map(self) -> dict[str, float]:
        """Return the same of the robust MAP prior, and what it expects of the trial.

        ``probability_above_null``; ``assurance`` of the exact test, averaged over it.
        """
        return {
            **_numbers(self.robust),
            "probability_above_null": float(self.robust.density.prob_rate_above(self.design.null)),
            "assurance": self.rules[0].assurance(self.robust),
        }

    def predictive(self) -> pd.DataFrame:
        """Return the probability of every number of ``responders``."""
        found = self.prior.predictive(self.design.n)
        return pd.DataFrame({"responders": np.arange(found.size), "probability": found})

    def rules_frame(self) -> pd.DataFrame:
        """Return one row a rule: what it asks for, errors, assurance, stages.

        ``power`` is NaN without an alternative; ``true_success`` is the probability that the rule
        succeeds and the rate does exceed the null rate.
        """
        design, rows = self.design, []
        null = np.array([design.null])
        for rule in self.rules:
            power = np.nan
            if design.alternative is not None:
                power = float(rule.success(np.array([design.alternative]))[0])
            rows.append(
                {
                    "rule": rule.name,
                    "n": rule.n,
                    "critical": rule.critical,
                    "type_one_error": float(rule.success(null)[0]),
                    "power": power,
                    "assurance": rule.assurance(self.prior),
                    "true_success": rule.true_success(self.prior, design.null),
                    "first_stage": None if rule.first is None else rule.first[0],
                    "stop_at": None if rule.first is None else rule.first[1],
                    "expected_n_null": float(rule.patients(null)[0]),
                    "expected_n": float(self.prior.mean_of(rule.patients(self.prior.rates))),
                }
            )
        frame = pd.DataFrame(rows)
        return frame.astype({"critical": "Int64", "first_stage": "Int64", "stop_at": "Int64"})

    def curves(self) -> pd.DataFrame:
        """Return the operating characteristics: ``rule``, ``rate``, ``success``, ``expected_n``."""
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "rule": rule.name,
                        "rate": RATES,
                        "success": rule.success(RATES),
                        "expected_n": rule.patients(RATES),
                    }
                )
                for rule in self.rules
            ],
            ignore_index=True,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return every number as JSON takes it; what does not exist is null."""
        rules = _records(self.rules_frame())
        short = ("rule", "n", "critical", "type_one_error", "power", "assurance")
        prior = self.prior
        return {
            "map": self.map(),
            "mixture": self.mixture.rows(),
            "ess": self.ess,
            "predictive": _records(self.predictive()),
            "rules": [{name: row[name] for name in short} for row in rules],
            "question": {
                "arm": prior.arm, "model": prior.model, "exact": prior.exact, "arms": prior.arms,
                "responders": prior.events, "patients": prior.total,
                "rate": f"{prior.counted.rate}, {prior.counted.patients}", **vars(self.design),
            },
            "probability_above_null": self.above,
            "mixture_accuracy": {
                "largest_cdf_error": self.mixture.cdf_error,
                "kullback_leibler": self.mixture.divergence,
            },
            "robust": {
                "mixture": self.mixture.robust(self.design.robust).rows(),
                "elir": self.robust_ess,
                **self.robust_map(),
            },
            "rules_in_full": rules,
            "operating_characteristics": _records(self.curves()),
            "smallest_n": self.smallest,
            "randomised": {
                "control": None if self.control is None else self.control[0],
                "rules": _records(self.randomised),
                "drift": _records(self.drift),
            },
        }  # fmt: skip


def _numbers(prior: MapPrior) -> dict[str, float]:
    return {name: float(value) for name, value in vars(prior.summary()).items()}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in frame}
    return pd.DataFrame(columns).to_dict("records")


def make_plan(
    prior: MapPrior,
    design: Design,
    groups: GroupPriors | None = None,
    treatment: str | None = None,
    control: str | None = None,
) -> Plan:
    """Return the plan.

    Parameters
    ----------
    prior
        Of the arm that is planned.
    design
        What is asked.
    groups, treatment, control
        With a control group: the priors of all groups, the group of the arm, the control's.
    """
    mixture = fit_mixture(prior.density)
    rules = [exact_rule(design.n, design.null, design.level)]
    if design.alternative is not None:
        rules += simon_designs(design.null, design.alternative, design.level, design.power)
    rules += bayes_rules(prior, design.n, design.null, design.confidence, design.robust)
    added = mixture.robust(design.robust).density()
    robust = replace(prior, density=added, source=added)
    found = Plan(
        prior,
        mixture,
        design,
        _ess(prior, mixture),
        robust,
        elir(robust.density) if _has_elir(prior) else None,
        float(prior.density.prob_rate_above(design.null)),
        rules,
        smallest_trials(prior, design.null, design.level),
    )
    if groups is None or treatment is None or control is None:
        return found
    rows, drift = _compare(groups, treatment, control, design)
    given = vars(found) | {"randomised": rows, "drift": drift}
    return Plan(**given | {"control": (control, groups.of(control))})


def _ess(prior: MapPrior, mixture: BetaMixture) -> dict[str, float | None]:
    """Return the effective sample sizes; curvatures of a density from draws are the mixture's."""
    smooth = prior.source if prior.exact else mixture.density()
    return {
        "elir": elir(smooth) if _has_elir(prior) else None,
        "moment": moment(prior.density),
        "morita": morita(smooth),
    }


def _has_elir(prior: MapPrior) -> bool:
    """Return whether the average exists, see `models.analyses.next_trial.ess`.

    That of the mixture always does, since its tails are those of betas; it then says nothing of the
    prior.
    """
    return prior.tail_scale <= 1.0


def _compare(
    groups: GroupPriors, treatment: str, control: str, design: Design
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what each prior of the control arm leads to, and the type I error by true rate.

    The former: type I error at the mean of the control's MAP prior, its maximum over all true rates
    that both arms may have and the rate where it is; power for those of `DIFFERENCES` that the
    treatment arm can be better by; assurance.
    """
    n_control = design.n if design.n_control is None else design.n_control
    prior = groups.of(control)
    base = float(prior.summary().mean)
    better = DIFFERENCES[base + DIFFERENCES <= 1.0]
    joint = joint_rates(groups, treatment, control, SEED)
    rows, drift = [], []
    for rule in comparisons(prior, design.n, n_control, design.confidence, design.robust):
        row: dict[str, Any] = {"control_prior": rule.name, "n": design.n, "n_control": n_control}
        row["type_one_error"] = float(rule.probability(np.array([base]), np.array([base]))[0])
        errors = rule.probability(COMMON, COMMON)
        row["type_one_error_max"] = float(errors.max())
        row["type_one_error_max_rate"] = float(COMMON[errors.argmax()])
        reached = rule.probability(base + better, np.full(better.size, base))
        row |= {f"power_{100 * d:.0f}": float(p) for d, p in zip(better, reached, strict=True)}
        for name, rates in joint.items():
            chance = rule.probability(rates[:, 0], rates[:, 1])
            row[f"assurance, {name}"] = float(chance.mean())
            row[f"assurance, {name}, mcse"] = float(chance.std(ddof=1) / np.sqrt(len(chance)))
        rows.append(row)
        drift.append(
            pd.DataFrame({"control_prior": rule.name, "rate": COMMON, "type_one_error": errors})
        )
    return pd.DataFrame(rows), pd.concat(drift, ignore_index=True)
