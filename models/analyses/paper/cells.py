"""Recovery of the responders of each subtype by treatment cell from the printed rows of Fig. 4.

Each row of Fig. 4 pools the totals of the (up to five) treatment groups with that subtype. The
patients of each cell are in Table 1; of the responders only the row's total is printed. So all ways
to share the responders out among the groups are enumerated, each is pooled as ``metaprop`` does,
and those are kept that give the printed estimate, interval, I2 and p at every digit.

The enumeration is exhaustive: a row with one solution has no other. What further evidence decides
between several is formed from the data, too (see `recover_cells`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from models.common.constants import INTERVAL_PROBS
from models.common.errors import InputError
from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.frequentist.freeman_tukey import (
    FloatArray,
    double_arcsine,
    double_arcsine_variance,
    freeman_tukey_pool,
    inverse_double_arcsine,
    printed,
)

type CountArray = NDArray[np.int64]

STATISTICS: Final = ("estimate", "lower", "upper", "i2", "p")
"""What Fig. 4 prints of a row."""

REPORTED: Final = ("stated", "responders stated")
"""Kinds of ``trial_report_subtypes`` that are a report's own words, not deduced from them."""


@dataclass(frozen=True, slots=True, eq=False)
class AllocationPools:
    """The Freeman-Tukey pools of many allocations over the same groups.

    Attributes
    ----------
    estimate, lower, upper
        Pooled rate and 95 % interval, probability scale, shape (m,).
    i2
        Per cent, shape (m,).
    p
        Upper tail probability of Q, shape (m,).
    """

    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    i2: FloatArray
    p: FloatArray


@dataclass(frozen=True, slots=True)
class RecoveredRow:
    """One row of Fig. 4 with everything that fits it.

    Attributes
    ----------
    subtype
        Name of the row.
    responders
        Responders printed (complete and partial).
    treatments, patients
        The treatment groups with patients of the subtype, in the paper's order, and how many.
    allocations
        Number of ways to share the responders out.
    solutions
        All that reproduce the printed row: responders a group, in the order of ``treatments``.
    events
        The solution that stands after all evidence.
    decided_by
        What leaves that one.
    """

    subtype: str
    responders: int
    treatments: tuple[str, ...]
    patients: tuple[int, ...]
    allocations: int
    solutions: tuple[tuple[int, ...], ...]
    events: tuple[int, ...]
    decided_by: str

    @property
    def unique(self) -> bool:
        """Whether the printed row alone leaves one allocation."""
        return len(self.solutions) == 1


def allocations_of(responders: int, patients: CountArray) -> CountArray:
    """List all ways to share responders out among groups of patients.

    Parameters
    ----------
    responders
        Their sum.
    patients
        Size of each group, shape (k,).

    Returns
    -------
    array
        One row an allocation, shape (m, k); no group has more responders than patients.
    """
    caps = np.minimum(patients, responders)
    # The largest group takes what the others leave, which keeps the enumeration small.
    rest = int(np.argmax(patients))
    free = np.delete(np.arange(caps.size), rest)
    listed = np.indices(tuple(caps[free] + 1)).reshape(free.size, -1).T
    remainder = responders - listed.sum(axis=1)
    fits = (remainder >= 0) & (remainder <= patients[rest])
    allocations = np.empty((int(fits.sum()), caps.size), dtype=np.int64)
    allocations[:, free], allocations[:, rest] = listed[fits], remainder[fits]
    return allocations


def pool_allocations(events: CountArray, total: CountArray) -> AllocationPools:
    """Pool every allocation as `models.frequentist.freeman_tukey.freeman_tukey_pool` does one.

    Parameters
    ----------
    events
        One row an allocation, shape (m, k), k >= 2.
    total
        Patients of each group, shape (k,).

    Returns
    -------
    AllocationPools
    """
    k = total.size
    y, v = double_arcsine(events, total), double_arcsine_variance(total)
    weight = 1 / v
    q = (weight * (y - (y @ weight / weight.sum())[:, None]) ** 2).sum(axis=1)
    excess = np.maximum(q - (k - 1), 0.0)
    i2 = 100 * np.divide(excess, q, out=np.zeros_like(q), where=q > 0)
    tau2 = np.zeros(len(events))
    # metaprop pools two groups with a fixed effect
    if k > 2:
        scale = weight.sum() - (weight**2).sum() / weight.sum()
        tau2 = excess / scale
    weights = 1 / (v + tau2[:, None])
    theta = (weights * y).sum(axis=1) / weights.sum(axis=1)
    half = special.ndtri(INTERVAL_PROBS[1]) / np.sqrt(weights.sum(axis=1))
    harmonic_mean = k / (1 / total).sum()
    estimate, lower, upper = inverse_double_arcsine(
        np.stack([theta, theta - half, theta + half]), harmonic_mean
    )
    return AllocationPools(estimate, lower, upper, i2, np.asarray(special.chdtrc(k - 1, q)))


def is_number(text: object) -> bool:
    """Say whether a printed text is a number; the paper's own ``NA`` and dot are not."""
    try:
        return math.isfinite(float(str(text)))
    except ValueError:
        return False


def fitting(events: CountArray, total: CountArray, row: Mapping[str, str]) -> CountArray:
    """Return the allocations whose pool prints as the row does.

    Parameters
    ----------
    events, total
        As in `pool_allocations`.
    row
        Printed texts by name of the statistic; those that are no number are not compared.

    Returns
    -------
    array
        The rows of ``events`` that fit, shape (solutions, k).
    """
    pools = pool_allocations(events, total)
    candidates = np.arange(len(events))
    for name, text in row.items():
        if not is_number(text):
            continue
        decimals = len(text.partition(".")[2])
        values = getattr(pools, name)[candidates]
        # Nothing further away than this rounds to the text; the exact rounding decides the rest.
        near = np.abs(values - float(text)) < 0.51 * 10.0**-decimals
        rounded = np.array([printed(float(value), decimals) == text for value in values[near]])
        candidates = candidates[near][rounded.astype(bool)]
    return events[candidates]


def cell_patients(evidence: Evidence) -> pd.DataFrame:
    """Count the patients of each row of Fig. 4 in each treatment group, from Table 1.

    Returns
    -------
    pandas.DataFrame
        Index the 24 rows, columns the five treatment groups; patients enrolled. The parent row
        counts its own patients and those of the rows that it contains.
    """
    arms = evidence.arms[["arm_id", "treatment"]]
    patients = evidence.composition.merge(arms, on="arm_id")
    rows = evidence.subtypes.set_index("subtype")
    table = patients.pivot_table(
        index="figure4_row", columns="treatment", values="patients", aggfunc="sum", fill_value=0
    ).reindex(index=rows.index, columns=list(TREATMENTS), fill_value=0)
    own = table.to_numpy()
    part_of = rows["parent"].to_numpy()[:, None] == rows.index.to_numpy()[None, :]
    table[:] = own + part_of.T.astype("int64") @ own
    return table


def recover_cells(evidence: Evidence) -> list[RecoveredRow]:
    """Find every allocation that fits each row of Fig. 4, and the one that stands.

    Where the printed row leaves several, two kinds of evidence are tried in turn:

    1. A row that is part of another (DDLPS of LPS) can have neither more responders nor more
       non-responders in a group than that row has there.
    2. A trial report that states responders of the subtype puts at least so many into its group.

    Parameters
    ----------
    evidence
        The validated evidence.

    Returns
    -------
    list of RecoveredRow
        In the order of Fig. 4.

    Raises
    ------
    InputError
        If the patients of a row do not sum to its printed total, or not exactly one allocation is
        left.
    """
    patients = cell_patients(evidence).to_dict("index")
    found: dict[str, RecoveredRow] = {}
    texts = evidence.subtypes.astype(object).where(evidence.subtypes.notna(), "").astype(str)
    rows: list[dict[str, str]] = texts.to_dict("records")  # type: ignore[assignment]
    reported = _reported_responders(evidence)
    set_aside = _set_aside(evidence)
    # parents first: they decide for their children
    for row in sorted(rows, key=lambda row: bool(row["parent"])):
        subtype = row["subtype"]
        sizes = {t: int(patients[subtype][t]) for t in TREATMENTS}
        if sum(sizes.values()) != int(row["total"]):
            raise InputError(
                f"subtypes.csv, row {subtype}, column total: {row['total']}, but Table 1 has "
                f"{sum(sizes.values())} such patients"
            )
        sizes = {treatment: n for treatment, n in sizes.items() if n}
        found[subtype] = _recover_row(row, sizes, found.get(row["parent"]), reported, set_aside)
    return [found[row["subtype"]] for row in rows]


def _recover_row(
    row: Mapping[str, str],
    sizes: Mapping[str, int],
    parent: RecoveredRow | None,
    reported: Mapping[tuple[str, str], tuple[int, str]],
    set_aside: Mapping[str, tuple[str, str]],
) -> RecoveredRow:
    subtype = row["subtype"]
    responders = int(row["complete_responses"]) + int(row["partial_responses"])
    treatments = tuple(sizes)
    total = np.array(list(sizes.values()), dtype=np.int64)
    texts = {name: row[f"printed_{name}"] for name in STATISTICS}
    why = "the printed row"
    if subtype in set_aside:
        statistic, reason = set_aside[subtype]
        del texts[statistic]
        why = f"the printed row ({reason})"
    if total.size == 1:
        events = np.array([[responders]])
        pool = freeman_tukey_pool(events[0], total)
        agrees = all(printed(getattr(pool, name), 2) == texts[name] for name in STATISTICS[:3])
        solutions = events if agrees else events[:0]
        why = "one group has all patients"
    else:
        events = allocations_of(responders, total)
        solutions = fitting(events, total, texts)
        if responders == 0:
            why = "no responders"
    left = solutions
    if len(left) > 1 and parent is not None:
        most = np.array([parent.events[parent.treatments.index(t)] for t in treatments])
        size = np.array([parent.patients[parent.treatments.index(t)] for t in treatments])
        left = left[((left <= most) & (total - left <= size - most)).all(axis=1)]
        if len(left) == 1:
            why = _parent_reason(parent, treatments, solutions, left[0])
    for place, treatment in enumerate(treatments):
        if len(left) > 1 and (subtype, treatment) in reported:
            least, source = reported[subtype, treatment]
            left = left[left[:, place] >= least]
            if len(left) == 1:
                why = f"{source}: {least} responder in {treatment}"
    if len(left) != 1:
        raise InputError(
            f"subtypes.csv, row {subtype}: {len(left)} allocations of its {responders} responders "
            "to the treatment groups remain where one is needed"
        )
    return RecoveredRow(
        subtype=subtype,
        responders=responders,
        treatments=treatments,
        patients=tuple(total.tolist()),
        allocations=len(events),
        solutions=tuple(tuple(solution) for solution in solutions.tolist()),
        events=tuple(left[0].tolist()),
        decided_by=why,
    )


def _parent_reason(
    parent: RecoveredRow,
    treatments: tuple[str, ...],
    solutions: CountArray,
    kept: CountArray,
) -> str:
    """Name the parent's cells that the other solutions exceed."""
    cells = []
    for treatment, column, own in zip(treatments, solutions.T, kept, strict=True):
        place = parent.treatments.index(treatment)
        if (column > parent.events[place]).any() and own <= parent.events[place]:
            cells.append(f"{parent.events[place]}/{parent.patients[place]} in {treatment}")
    return f"the parent {parent.subtype} has {' and '.join(cells) or 'too few non-responders'}"


def _set_aside(evidence: Evidence) -> dict[str, tuple[str, str]]:
    """Return the printed value that is not asked to agree, and why, by row of Fig. 4."""
    values = evidence.published_values.query("kind == 'pooled subtype rate'")
    known = evidence.known_disagreements.merge(values[["id", "subgroup"]], on="id")
    return {
        str(r["subgroup"]): (str(r["statistic"]), str(r["reason"]))
        for r in known.to_dict("records")
    }


def _reported_responders(evidence: Evidence) -> dict[tuple[str, str], tuple[int, str]]:
    """Return responders that trial reports state, by subtype and treatment, and the arms."""
    reports = evidence.trial_report_subtypes
    reports = reports[reports["kind"].isin(REPORTED) & (reports["responders"] > 0)]
    arms = evidence.arms[["arm_id", "treatment", "label"]]
    grouped = reports.merge(arms, on="arm_id").groupby(["subtype", "treatment"])
    return {
        (str(key[0]), str(key[1])): (
            int(part["responders"].sum()),
            "the report of " + ", ".join(part["label"]),
        )
        for key, part in grouped
        if isinstance(key, tuple)
    }


def recovery_table(rows: list[RecoveredRow]) -> pd.DataFrame:
    """Return the recovery, one row a row of Fig. 4."""
    return pd.DataFrame(
        [
            {
                "subtype": row.subtype,
                "responders": row.responders,
                "patients": sum(row.patients),
                "groups": len(row.patients),
                "allocations": row.allocations,
                "solutions": len(row.solutions),
                "events": "/".join(map(str, row.events)),
                "totals": "/".join(map(str, row.patients)),
                "decided_by": row.decided_by,
            }
            for row in rows
        ]
    )
