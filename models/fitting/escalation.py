"""Sampling again with more care until the gate passes, by steps written down beforehand."""

import time
from collections.abc import Callable
from dataclasses import asdict

import xarray as xr

from models.fitting.fit import ESCALATION, Fit, SamplerSettings, Wanted
from models.fitting.gate import Gate


def fit_until_passed(
    wanted: Wanted,
    first: SamplerSettings,
    sampler: str,
    *,
    attempt: Callable[[SamplerSettings], xr.DataTree],
    judge: Callable[[xr.DataTree], Gate],
) -> Fit:
    """Sample and judge, step by step of the escalation, until the gate passes.

    Parameters
    ----------
    wanted
        What is fitted.
    first
        Settings of the first attempt.
    sampler
        Name of the sampler, for the record.
    attempt
        Samples with given settings.
    judge
        The gate.

    Returns
    -------
    Fit
        The first attempt that passed, or the last with ``gate.passed`` False: the caller must not
        report it as if it had passed.
    """
    started = time.perf_counter()
    failed: list[str] = []
    for step in range(len(ESCALATION)):
        settings = first.escalated(step)
        tree = attempt(settings)
        gate = judge(tree)
        if gate.passed:
            break
        failed.append(f"target_accept {settings.target_accept}: {gate.sentence()}")
    return Fit(
        what=wanted,
        draws=tree,
        gate=gate,
        priors=wanted.priors,
        sampling={
            "sampler": sampler,
            **asdict(settings),
            "first_attempt": asdict(first),
            "escalations": step,
            "failed_attempts": failed,
        },
        seconds=time.perf_counter() - started,
    )
