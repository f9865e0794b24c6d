"""Tables of the benchmarks: stored records in, medians and ratios out."""

from typing import Any, Final

import pandas as pd

from models.render.format import frame_markdown
from models.validation.benchmark.run import GROWTH, LIMIT, PEERS, first_answer

TITLES: Final = {
    "pooled": "Pooled model, objective response",
    "subgroup": "Subgroup model, five treatment groups",
    "subtype": "Subtype model, one family",
}
NAMES: Final = {
    "grid": "grid (this project)",
    "nutpie": "NUTS, nutpie",
    "pymc": "NUTS, PyMC",
    "numpyro": "NUTS, NumPyro",
    "brms": "NUTS, brms (rstan)",
    "rstanarm": "NUTS, rstanarm",
}
AIMS: Final = (("grid", "nutpie", 100.0), ("grid", "brms", 1000.0), ("nutpie", "brms", 5.0))
"""Ratios of effective draws a second, compilation counted, that were aimed at."""
_TIMES: Final = ("imports", "compilation", "sampling", "warm", "first_answer")


def records_frame(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the records that ran to their end, with what follows from them.

    Returns
    -------
    pandas.DataFrame
        One row a measurement: ``peer``, ``model``, ``k``, ``run``, seconds of ``imports``,
        ``compilation``, ``sampling``, ``warm`` and ``first_answer`` (the first three),
        ``ess_min`` (least bulk or tail effective sample size of any parameter), ``ess_per_second``
        (compilation counted, imports not), ``ess_per_second_warm``, ``divergences``, ``mu_mean``,
        ``mu_sd``, ``tau_mean``, ``load_average``, ``version``.
    """
    rows = []
    for record in records:
        if "absent" in record or "failed" in record:
            continue
        ess = min(record["ess_bulk_min"], record["ess_tail_min"])
        warm = record["warm"]
        rows.append(
            {
                **record,
                "first_answer": first_answer(record),
                "ess_min": ess,
                "ess_per_second": ess / (record["compilation"] + record["sampling"]),
                "ess_per_second_warm": None if warm is None else ess / warm,
            }
        )
    return pd.DataFrame(rows)


def medians(frame: pd.DataFrame) -> pd.DataFrame:
    """Return medians over the runs, one row a model, size and peer, in the order of ``PEERS``.

    Returns
    -------
    pandas.DataFrame
        The numeric columns of `records_frame`, ``runs``, ``load_least`` and ``load_most``.
    """
    keys = ["model", "k", "peer"]
    numbers = ["ess_min", "ess_per_second", "ess_per_second_warm", "divergences", "mu_mean"]
    numbers += ["mu_sd", "tau_mean", *_TIMES]
    grouped = frame.groupby(keys)
    table = grouped[numbers].agg(lambda values: pd.to_numeric(values).median())
    table["runs"] = grouped.size()
    table["load_least"] = grouped["load_average"].min()
    table["load_most"] = grouped["load_average"].max()
    order = pd.CategoricalDtype(list(PEERS), ordered=True)
    table = table.reset_index().astype({"peer": order})
    return table.sort_values(["model", "k", "peer"]).astype({"peer": str}).reset_index(drop=True)


def ratio(table: pd.DataFrame, model: str, a: str, b: str, column: str) -> float | None:
    """Return a column of peer ``a`` over that of ``b``; None where one of them is not there."""
    rows = table[table["model"] == model].set_index("peer")[column]
    if a not in rows or b not in rows:
        return None
    return float(rows[a] / rows[b])


def _number(value: float | None) -> str:
    """Return a number with three significant digits, thousands with a comma."""
    if value is None or pd.isna(value):
        return "-"
    if abs(value) >= 100:
        digits = len(str(int(abs(value)))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def speeds_frame(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return one model's peers as a frame of texts."""
    chosen = table[table["model"] == model]
    base = ratio_base = None
    for peer in ("nutpie", "brms"):
        rows = chosen[chosen["peer"] == peer]
        if len(rows):
            base, ratio_base = peer, float(rows["ess_per_second"].iloc[0])
            break
    records = []
    for row in chosen.to_dict("records"):
        record = {
            "": NAMES[row["peer"]],
            "first answer, s": _number(row["first_answer"]),
            "imports, s": _number(row["imports"]),
            "compilation, s": _number(row["compilation"]),
            "sampling, s": _number(row["sampling"]),
            "warm, s": _number(row["warm"]),
            "effective draws": _number(row["ess_min"]),
            "a second": _number(row["ess_per_second"]),
            "a second, warm": _number(row["ess_per_second_warm"]),
        }
        if ratio_base is not None:
            record[f"times {base}"] = _number(row["ess_per_second"] / ratio_base)
        record["divergences"] = _number(row["divergences"])
        record["mu"] = f"{row['mu_mean']:.3f} ({row['mu_sd']:.3f})"
        record["tau"] = f"{row['tau_mean']:.3f}"
        record["runs"] = str(row["runs"])
        records.append(record)
    return pd.DataFrame(records)


def growth_frame(table: pd.DataFrame, records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return seconds to the first answer by number of studies, as a frame of texts."""
    chosen = table[table["model"] == GROWTH]
    sizes = sorted(set(chosen["k"]))
    rows = []
    for peer in PEERS:
        own = chosen[chosen["peer"] == peer].set_index("k")["first_answer"]
        failed = {r["k"] for r in records if r["peer"] == peer and "failed" in r}
        if own.empty and not failed:
            continue
        row = {"": NAMES[peer]}
        for k in sizes:
            row[f"{k:,}"] = (
                _number(own.get(k)) if k in own else (f"> {LIMIT:.0f}" if k in failed else "")
            )
        rows.append(row)
    return pd.DataFrame(rows)


def benchmark_markdown(records: list[dict[str, Any]]) -> str:
    """Return the page of the benchmarks."""
    frame = records_frame(records)
    table = medians(frame)
    parts = [
        "# Benchmarks",
        "",
        "The same posteriors by this project's grid and by samplers: same model, priors and data, "
        "4000 kept draws each (samplers: 4 chains of 1000 after 1000, target acceptance 0.8). "
        "rstanarm has no half-normal prior of a standard deviation; its tau has an exponential "
        "prior with mean 1 instead. Medians of several runs, taken in turns, each in a process of "
        "its own; what a peer keeps on disk of earlier compilations is left to it.",
        "",
        "*First answer*: seconds from launching the process to draws, the sum of *imports* (with "
        "the start of the interpreter), *compilation* and *sampling* (the grid: posterior and 4000 "
        "independent joint draws of all parameters). *Warm*: the same again in the same process. "
        "*Effective draws*: the least bulk or tail effective sample size over all parameters (of "
        "more than 100 studies, 100), by ArviZ, for independent draws as well. *A second*: "
        "effective draws over compilation and sampling, imports not counted; *warm*: over the warm "
        "run. Posterior moments on the logit scale, mean (sd).",
        "",
        _circumstances(frame),
        "",
    ]
    for model, title in TITLES.items():
        if (table["model"] == model).any():
            parts += [f"## {title}", "", frame_markdown(speeds_frame(table, model)), ""]
    parts += ["## Aims", "", *_aims(table), ""]
    if (table["model"] == GROWTH).any():
        parts += [
            "## Growth",
            "",
            "Seconds to the first answer, imports and compilation counted, of the pooled model on "
            "simulated reviews, by number of studies (one run each). A peer stops at the first "
            f"number for which it needs more than {LIMIT:.0f} s.",
            "",
            frame_markdown(growth_frame(table, records)),
            "",
        ]
    absent = {r["peer"]: r["absent"] for r in records if "absent" in r}
    failed = [r for r in records if "failed" in r and r["model"] != GROWTH]
    if absent or failed:
        parts += ["## Not measured", ""]
        parts += [f"- {NAMES[peer]}: absent ({why})" for peer, why in absent.items()]
        parts += [f"- {NAMES[r['peer']]}, {r['model']}: {r['failed']}" for r in failed]
        parts.append("")
    return "\n".join(parts)


def _circumstances(frame: pd.DataFrame) -> str:
    """Return what the machine was doing, and the versions."""
    versions = frame[frame["peer"] != "grid"].groupby("peer")["version"].first()
    named = ", ".join(f"{peer} {versions[peer]}" for peer in PEERS if peer in versions)
    load = frame["load_average"]
    text = (
        f"Machine: {frame['cores'].iloc[0]} cores; load average before a run {load.min():.1f} to "
        f"{load.max():.1f} (what else ran then slowed all peers)."
    )
    return f"{text} Versions: {named}." if named else text


def _aims(table: pd.DataFrame) -> list[str]:
    lines = []
    for a, b, wanted in AIMS:
        found = ratio(table, "pooled", a, b, "ess_per_second")
        if found is None:
            lines.append(f"- {a} over {b}, at least {wanted:g}: not measured")
            continue
        verdict = "met" if found >= wanted else "missed"
        lines.append(
            f"- {a} over {b} in effective draws a second (pooled model), at least {wanted:g}: "
            f"{_number(found)}, {verdict}"
        )
    return lines
