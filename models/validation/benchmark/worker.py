"""One measurement of a benchmark in a process of its own, ``python -m`` this module.

Everything that takes time is imported inside the peer that needs it, after the process has started,
so that imports are counted where they belong. Times are read from the clock of the day, from the
moment at which the caller launched this process.
"""

import csv
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

CHAINS, DRAWS, TUNE, TARGET_ACCEPT = 4, 1000, 1000, 0.8
"""4 x 1000 draws after 1000, at the target acceptance that all four NUTS have by default."""
MOST_EFFECTS = 100
"""Studies or strata whose effective draws are computed, evenly spaced over all."""


@dataclass(frozen=True)
class Task:
    """What to fit: model (``pooled``, ``subgroup`` or ``subtype``), columns of the data, seed.

    ``repeat`` says whether to run a second time, warm.
    """

    model: str
    columns: dict[str, list[str]]
    seed: int
    repeat: bool = True

    def warm(self, again: Callable[[int], object]) -> float | None:
        """Return the seconds of a second run with another seed; None if there is none."""
        if not self.repeat:
            return None
        start = time.time()
        again(self.seed + 1)
        return time.time() - start

    def counts(self) -> tuple[list[int], list[int]]:
        """Return events and totals."""
        return list(map(int, self.columns["events"])), list(map(int, self.columns["total"]))

    def frame(self) -> "pd.DataFrame":
        """Return the data as the models read them."""
        import pandas as pd

        frame = pd.DataFrame(self.columns).astype({"events": "int64", "total": "int64"})
        if self.model == "subtype":
            frame["parent"] = frame["parent"].where(frame["parent"] != "", None)
        return frame


@dataclass(frozen=True)
class Timed:
    """What one peer did; times are absolute, seconds.

    Attributes
    ----------
    imported, compiled, sampled
        When imports, compilation and the first sampling were done.
    warm
        Seconds of a second run, everything being loaded and compiled.
    draws
        Draws by parameter, shape ``(chains, draws)`` or ``(chains, draws, units)``, logit scale.
    divergences
        Of the first run; None where there is no such thing.
    """

    imported: float
    compiled: float
    sampled: float
    warm: float | None
    draws: dict[str, Any]
    divergences: int | None = None


def _chosen(k: int) -> list[int]:
    count = min(k, MOST_EFFECTS)
    return [i * k // count for i in range(count)]


def run_grid(task: Task) -> Timed:
    """Posterior by quadrature and 4000 independent joint draws of all parameters."""
    from models.grid import fit_pooled, fit_subgroup, fit_tree

    imported = time.time()

    def answer(seed: int) -> dict[str, Any]:
        events, total = task.counts()
        size = CHAINS * DRAWS
        keep = _chosen(len(events))
        if task.model == "pooled":
            pooled = fit_pooled(events, total).draws(size, seed)
            logit = pooled.mu[:, None] + pooled.tau[:, None] * pooled.z[:, keep]
            found = {"mu": pooled.mu, "tau": pooled.tau, "study": logit}
        elif task.model == "subgroup":
            fit = fit_subgroup(events, total, task.columns["group"])
            grouped = fit.draws(size, seed)
            parent = grouped.group_logit[:, fit.group_of[keep]]
            found = {
                "mu": grouped.mu,
                "sigma_group": grouped.sigma_group,
                "tau": grouped.tau,
                "group": grouped.group_logit,
                "study": parent + grouped.tau[:, None] * grouped.z[:, keep],
            }
        else:
            tree = fit_tree(events, total, list(task.columns["parent"])).draws(size, seed)
            found = {"mu": tree.mu, "tau": tree.sigma, "stratum": _logit(tree.unit_rate[:, keep])}
            if tree.sigma_child is not None:
                found["tau_child"] = tree.sigma_child
        return {name: v.reshape(CHAINS, DRAWS, *v.shape[1:]) for name, v in found.items()}

    draws = answer(task.seed)
    sampled = time.time()
    return Timed(imported, imported, sampled, task.warm(answer), draws)


def _logit(rate: Any) -> Any:
    import numpy as np

    return np.log(rate) - np.log1p(-rate)


def _pymc_model(task: Task) -> Any:
    if task.model == "pooled":
        from models.pooled import build_pooled_model

        return build_pooled_model(task.frame())
    if task.model == "subgroup":
        from models.subgroup import build_subgroup_model

        return build_subgroup_model(task.frame())
    from models.subtype import build_subtype_model

    return build_subtype_model(task.frame())


def _logits(task: Task, posterior: Any) -> dict[str, Any]:
    """Return the parameters compared, from draws of the free variables."""
    draws = {str(name): values.values for name, values in posterior.data_vars.items()}
    mu, tau, keep = draws["mu"], draws["tau"], _chosen(draws["z"].shape[2])
    effect = tau[..., None] * draws["z"][..., keep]
    if task.model == "pooled":
        return {"mu": mu, "tau": tau, "study": mu[..., None] + effect}
    if task.model == "subgroup":
        group = mu[..., None] + draws["sigma_group"][..., None] * draws["group_effect"]
        labels = list(dict.fromkeys(task.columns["group"]))
        group_of = [labels.index(task.columns["group"][i]) for i in keep]
        scales = {"sigma_group": draws["sigma_group"], "tau": tau}
        return {"mu": mu, **scales, "group": group, "study": group[..., group_of] + effect}
    from models.reviews.strata import family_codes

    codes = family_codes(task.frame())[0][keep]
    family = (tau[..., None] * draws["family_effect"])[..., codes.clip(0)]
    child = family + draws["tau_child"][..., None] * draws["z"][..., keep]
    deviation = effect * (codes < 0) + child * (codes >= 0)
    scales = {"tau": tau, "tau_child": draws["tau_child"]}
    return {"mu": mu, **scales, "stratum": mu[..., None] + deviation}


def run_nutpie(task: Task) -> Timed:
    """NUTS of nutpie, the model compiled by numba."""
    import nutpie

    # the model's own imports are imports as well
    import models.pooled
    import models.subgroup
    import models.subtype  # noqa: F401

    imported = time.time()
    compiled_model = nutpie.compile_pymc_model(_pymc_model(task))
    compiled = time.time()

    def sample(seed: int) -> Any:
        return nutpie.sample(
            compiled_model,
            draws=DRAWS,
            tune=TUNE,
            chains=CHAINS,
            target_accept=TARGET_ACCEPT,
            seed=seed,
            save_warmup=False,
            progress_bar=False,
        )

    tree = sample(task.seed)
    sampled = time.time()
    warm = task.warm(sample)
    divergences = int(tree["sample_stats"]["diverging"].sum())
    draws = _logits(task, tree["posterior"].to_dataset())
    return Timed(imported, compiled, sampled, warm, draws, divergences)


def run_pymc(task: Task) -> Timed:
    """PyMC's own NUTS; what it takes beyond its sampling time is counted as compilation."""
    import pymc as pm

    import models.pooled
    import models.subgroup
    import models.subtype  # noqa: F401

    imported = time.time()
    model = _pymc_model(task)

    def sample(seed: int) -> Any:
        with model:
            return pm.sample(
                DRAWS,
                tune=TUNE,
                chains=CHAINS,
                cores=2,
                nuts_sampler="pymc",
                nuts={"target_accept": TARGET_ACCEPT},
                random_seed=seed,
                progressbar=False,
                compute_convergence_checks=False,
            )

    tree = sample(task.seed)
    sampled = time.time()
    seconds = float(tree["posterior"].attrs["sampling_time"])
    warm: float | None = None
    if task.repeat:
        warm = float(sample(task.seed + 1)["posterior"].attrs["sampling_time"])
    divergences = int(tree["sample_stats"]["diverging"].sum())
    draws = _logits(task, tree["posterior"].to_dataset())
    return Timed(imported, sampled - seconds, sampled, warm, draws, divergences)


def run_numpyro(task: Task) -> Timed:
    """NUTS of NumPyro on the processor; compilation is the first run less the second."""
    import numpyro  # type: ignore[import-not-found]

    numpyro.set_host_device_count(CHAINS)
    import jax  # type: ignore[import-not-found]
    import numpy as np
    from numpyro import distributions as dist  # type: ignore[import-not-found]
    from numpyro.infer import MCMC, NUTS  # type: ignore[import-not-found]

    jax.config.update("jax_enable_x64", True)
    imported = time.time()
    events, total = map(np.asarray, task.counts())

    def model() -> None:
        mu = numpyro.sample("mu", dist.Normal(0.0, 1.5))
        tau = numpyro.sample("tau", dist.HalfNormal(1.0))
        with numpyro.plate("study", len(events)):
            z = numpyro.sample("z", dist.Normal(0.0, 1.0))
            likelihood = dist.Binomial(total, logits=mu + tau * z)
            numpyro.sample("responders", likelihood, obs=events)

    kernel = NUTS(model, target_accept_prob=TARGET_ACCEPT)
    options = {"num_warmup": TUNE, "num_samples": DRAWS, "num_chains": CHAINS}
    sampler = MCMC(kernel, **options, progress_bar=False)
    sampler.run(jax.random.PRNGKey(task.seed), extra_fields=("diverging",))
    found = jax.block_until_ready(sampler.get_samples(group_by_chain=True))
    sampled = time.time()
    divergences = int(sampler.get_extra_fields()["diverging"].sum())

    def again(seed: int) -> None:
        sampler.run(jax.random.PRNGKey(seed), extra_fields=("diverging",))
        jax.block_until_ready(sampler.get_samples())

    warm = task.warm(again)
    mu, tau, z = (np.asarray(found[name]) for name in ("mu", "tau", "z"))
    logit = mu[..., None] + tau[..., None] * z[..., _chosen(len(events))]
    compiled = imported if warm is None else max(imported, sampled - warm)
    draws = {"mu": mu, "tau": tau, "study": logit}
    return Timed(imported, compiled, sampled, warm, draws, divergences)


PEERS: dict[str, Callable[[Task], Timed]] = {
    "grid": run_grid,
    "nutpie": run_nutpie,
    "pymc": run_pymc,
    "numpyro": run_numpyro,
}


def effective(draws: dict[str, Any]) -> dict[str, Any]:
    """Return the least bulk and tail effective sample sizes over all parameters, by ArviZ."""
    import arviz_stats as azs
    import numpy as np
    import xarray as xr

    data = xr.Dataset(
        {
            name: (("chain", "draw", *([f"{name}_unit"] if values.ndim == 3 else [])), values)
            for name, values in draws.items()
        }
    )
    least = {}
    for method in ("bulk", "tail"):
        found = azs.ess(data, method=method)
        least[f"ess_{method}_min"] = min(float(np.min(v.values)) for v in found.data_vars.values())
    return {
        **least,
        "mu_mean": float(draws["mu"].mean()),
        "mu_sd": float(draws["mu"].std()),
        "tau_mean": float(draws["tau"].mean()),
        "kept_draws": int(draws["mu"].size),
        "parameters": sum(v.shape[2] if v.ndim == 3 else 1 for v in draws.values()),
    }


def read_task(path: Path, model: str, seed: int, repeat: bool) -> Task:
    """Read the data of a task from CSV."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return Task(model, columns, seed, repeat)


def main(peer: str, model: str, path: str, seed: str, launched: str, out: str, repeat: str) -> None:
    """Run one peer and write its record; a package that is not there is a record, too."""
    start = float(launched)
    try:
        timed = PEERS[peer](read_task(Path(path), model, int(seed), repeat == "1"))
        record = {
            "imports": timed.imported - start,
            "compilation": timed.compiled - timed.imported,
            "sampling": timed.sampled - timed.compiled,
            "warm": timed.warm,
            "divergences": timed.divergences,
            **effective(timed.draws),
        }
    except ImportError as error:
        record = {"absent": str(error)}
    Path(out).write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
