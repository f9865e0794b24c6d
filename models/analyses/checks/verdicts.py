"""Every check of the workflow: its figure, its threshold, the reason, and the verdict.

A check *passes* or *fails* where something must hold of the computation or of the priors. What the
data may do, the model not fitting three arms or a conclusion that rests on a prior, is *noted*
instead: it is shown, and it is no error.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from scipy.stats import kstest

from models.analyses.checks.comparison import PARETO_K_MAX
from models.analyses.checks.loo import PSIS_ERROR_MAX
from models.analyses.checks.posterior_predictive import TAIL
from models.analyses.checks.power import THRESHOLD
from models.analyses.checks.prior_predictive import LIMITS
from models.analyses.groups.claims import VISIBLE_SHIFT
from models.fitting.gate import QUADRATURE_ERROR_MAX
from models.validation.calibration.case_mix import SIMULATIONS as CASE_MIX_SIMULATIONS
from models.validation.calibration.case_mix import sources as case_mix_sources
from models.validation.calibration.plan import SIMULATIONS
from models.validation.calibration.run import ENGINES, model_hash, models_of
from models.validation.calibration.tables import ENGINE_NAMES

PASS, FAIL, NOTED = "pass", "FAIL", "noted"
UNIFORM_P: Final = 0.01
REJECTED: Final = 0.05
SHARE_OF_INTERVAL: Final = 0.25
NOTE_ONLY: Final = "p_or_beyond_20"


@dataclass(frozen=True)
class Check:
    """One check; ``verdict`` is ``pass``, ``FAIL`` or ``noted``."""

    area: str
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
    return [f"{row.area}: {row.check}: {row.figure}" for row in rows]


def _must(holds: bool) -> str:
    return PASS if holds else FAIL


def gate_checks(problems: Iterable[str]) -> list[Check]:
    """Say of every fit behind the checks that did not pass the gate that it did not."""
    return [
        Check(
            "gate",
            "a fit that other checks rest on",
            problem,
            "the gate of every fit",
            "numbers from draws that did not pass are not to be used",
            FAIL,
        )
        for problem in problems
    ]


def prior_checks(table: pd.DataFrame) -> list[Check]:
    """Judge that the priors are weakly informative."""
    found = []
    for row in table[table["quantity"].isin(list(LIMITS))].itertuples():
        holds = row.value <= row.limit
        found.append(
            Check(
                "prior predictive",
                row.meaning,
                f"{row.value:.4f} (MCSE {row.mcse:.4f})",
                f"at most {row.limit:g}",
                row.reason,
                NOTED if row.quantity == NOTE_ONLY and not holds else _must(holds),
            )
        )
    return found


def predictive_checks(table: pd.DataFrame) -> list[Check]:
    """Note every statistic of the data that replicates hardly reach."""
    found = []
    for (model, kind), rows in table.groupby(["model", "replicates"], sort=False):
        outside = rows[rows["noted"]]
        named = "; ".join(
            f"{r.part}: {r.statistic} {r.observed:.3g}, replicates {r.lower:.3g} to {r.upper:.3g}, "
            f"P(as high) {r.p_at_least:.3f}"
            for r in outside.itertuples()
        )
        found.append(
            Check(
                "posterior predictive",
                f"{model}, {kind}: {len(rows)} statistics",
                named or "all within the replicates",
                f"either tail at least {TAIL:g}",
                "shows where the model does not fit; with so many statistics one may be chance",
                NOTED if named else PASS,
            )
        )
    return found


def loo_checks(tables: "dict[str, pd.DataFrame]", pits: "dict[str, pd.DataFrame]") -> list[Check]:
    """Judge PSIS against exact leave-one-out, and note what the comparison allows to say."""
    found = []
    for model, table in tables.items():
        worst = table["difference"].abs().max(skipna=False)
        found.append(
            Check(
                "LOO",
                f"{model}: PSIS against exact leave-one-out, worst of {len(table)} arms",
                f"{worst:.4f}",
                f"at most {PSIS_ERROR_MAX:g}",
                "a tenth of a visible difference for one study",
                _must(worst <= PSIS_ERROR_MAX),
            )
        )
        p = float(kstest(pits[model]["randomised"], "uniform").pvalue)
        found.append(
            Check(
                "LOO-PIT",
                f"{model}: randomised LOO-PIT uniform (Kolmogorov-Smirnov)",
                f"p = {p:.2f}",
                f"at least {UNIFORM_P:g}",
                f"with {len(table)} arms only gross misfit shows; noted, not failed",
                PASS if p >= UNIFORM_P else NOTED,
            )
        )
    return found


def comparison_checks(table: pd.DataFrame) -> list[Check]:
    """Judge the Pareto k of every model, and state which models the data tell apart."""
    worst = table["pareto_k_max"].max(skipna=False)
    apart = table[table["verdict"] == "predicts worse"]
    best = table.iloc[0]
    rest = "; ".join(
        f"{r.model} {r.elpd_diff:.1f} (SE {r.dse:.1f})" for r in table.iloc[1:].itertuples()
    )
    return [
        Check(
            "LOO",
            f"largest Pareto k of {len(table)} models",
            f"{worst:.2f}",
            f"at most {PARETO_K_MAX:g}",
            "above it importance sampling is unreliable",
            _must(worst <= PARETO_K_MAX),
        ),
        Check(
            "model comparison",
            "models that 38 arms tell apart",
            f"{', '.join(apart['model']) or 'none'}; differences of elpd from {best['model']}: "
            f"{rest}",
            "|difference| at least 4 and 2 SE",
            "38 arms are few: standard errors of the differences are themselves uncertain, and "
            "no winner is declared",
            NOTED,
        ),
    ]


def influence_checks(table: pd.DataFrame) -> list[Check]:
    """Judge the refits without each study, and note a study that moves a pool far."""
    error = table["quadrature_error"].max()
    found = [
        Check(
            "influence",
            f"quadrature error of {len(table)} exact refits without one study",
            f"{error:.1e}",
            f"at most {QUADRATURE_ERROR_MAX:g}",
            "a thousandth of a posterior standard deviation",
            _must(error <= QUADRATURE_ERROR_MAX),
        )
    ]
    for outcome, rows in table.groupby("outcome", sort=False):
        row = rows.loc[rows["typical_shift"].abs().idxmax()]
        allowed = SHARE_OF_INTERVAL * (rows["typical_upper"] - rows["typical_lower"]).median()
        found.append(
            Check(
                "influence",
                f"{outcome.upper()}: largest shift of the typical rate by one study",
                f"{100 * row['typical_shift']:+.1f} points without {row['study']}",
                f"at most {100 * allowed:.1f} points",
                "a quarter of the 95 % interval",
                PASS if abs(row["typical_shift"]) <= allowed else NOTED,
            )
        )
    return found


def sensitivity_checks(table: pd.DataFrame) -> list[Check]:
    """Note each kind of scenario that changes a conclusion, and the largest shift of a pool."""
    error = table["quadrature_error"].max()
    found = [
        Check(
            "sensitivity",
            "quadrature error of every pool",
            f"{error:.1e}",
            f"at most {QUADRATURE_ERROR_MAX:g}",
            "a thousandth of a posterior standard deviation",
            _must(error <= QUADRATURE_ERROR_MAX),
        )
    ]
    for kind, rows in table[table["kind"] != "main"].groupby("kind", sort=False):
        changed = rows[rows["conclusion_changed"]]
        named = "; ".join(
            f"{r.quantity} {r.probability:.2f} ({100 * r.probability_shift:+.0f}) [{r.change}]"
            for r in changed.itertuples()
        )
        points = f"{100 * VISIBLE_SHIFT:.0f} points"
        found.append(
            Check(
                "sensitivity",
                f"{kind}: claims whose wording changes with a shift of {points} or more",
                named or "none",
                "none",
                "a conclusion that depends on this choice must say so",
                NOTED if named else PASS,
            )
        )
        shift = rows.loc[rows["typical_shift"].abs().idxmax()]
        found.append(
            Check(
                "sensitivity",
                f"{kind}: largest shift of a pooled typical rate",
                f"{100 * shift['typical_shift']:+.1f} points, {str(shift['quantity']).upper()} "
                f"[{shift['change']}]",
                "stated",
                "other arms are other populations; no limit is set",
                NOTED,
            )
        )
    return found


def power_checks(table: pd.DataFrame) -> list[Check]:
    """Note the estimands of each model that its hyperpriors pull visibly."""
    found = []
    for analysis, rows in table.groupby("analysis", sort=False):
        sensitive = rows[rows["prior"] >= THRESHOLD].sort_values("prior", ascending=False)
        named = "; ".join(f"{r.estimand} {r.prior:.3f}" for r in sensitive.itertuples())
        found.append(
            Check(
                "power-scaling",
                f"{analysis}: sensitivity of {len(rows)} estimands to the hyperpriors",
                named or f"largest {rows['prior'].max():.3f}",
                f"below {THRESHOLD:g}",
                "the limit of Kallioinen et al. (2024)",
                NOTED if named or rows["prior"].isna().any() else PASS,
            )
        )
    return found


def calibration_checks(folder: Path) -> list[Check]:
    """Report the stored simulation-based calibration, with the hash of what it belongs to.

    Parameters
    ----------
    folder
        Holds ``sbc_runs.csv`` (`models.validation.calibration.tables`), ``case_mix.csv`` and
        ``case_mix.json`` (`models.validation.calibration.case_mix`).
    """
    path, stored = folder / "sbc_runs.csv", {}
    if path.exists():
        stored = {(row.engine, row.model): row for row in pd.read_csv(path).itertuples()}
    found = []
    for engine in ENGINES:
        for model in models_of(engine, None):
            row = stored.get((engine, model))
            found.append(
                _calibration(
                    f"{model} by {ENGINE_NAMES[engine]}",
                    0 if row is None else row.simulations,
                    SIMULATIONS[engine],
                    None if row is None else (row.smallest_p_holm, row.tests),
                    None if row is None else row.sources,
                    model_hash(engine, model),
                )
            )
    table, record = folder / "case_mix.csv", folder / "case_mix.json"
    done, tests, sources = 0, None, None
    if table.exists() and record.exists():
        results = pd.read_csv(table)
        settings = json.loads(record.read_text(encoding="utf-8"))
        done, sources = settings["simulations"], settings["sources"]
        tests = (results["p_holm"].min(), len(results))
    found.append(
        _calibration("case mix", done, CASE_MIX_SIMULATIONS, tests, sources, case_mix_sources())
    )
    return found


def _calibration(
    name: str,
    done: int,
    planned: int,
    tests: tuple[float, int] | None,
    sources: str | None,
    current: str,
) -> Check:
    """Judge one stored run: rejected or stale fails, incomplete is noted."""
    figure, verdict = f"{done} of {planned} simulations", NOTED
    if tests is not None:
        smallest, number = tests
        figure += f", smallest adjusted p {smallest:.2f} over {number} tests"
        rejected = not smallest >= REJECTED
        verdict = FAIL if rejected else (PASS if done >= planned else NOTED)
        if sources != current:
            figure, verdict = f"{figure}; STALE: its sources have changed since", FAIL
    return Check(
        "calibration",
        f"{name}, sources {current[:12]}",
        figure,
        f"no adjusted p below {REJECTED:g} (Holm), all simulations there",
        "stored results; an incomplete run is noted",
        verdict,
    )
