"""Tables of the benchmarks: stored records in, medians and ratios out."""

from pathlib import Path
from typing import Any, Final

import pandas as pd

from models.common.files import write_csv, write_json, write_text
from models.render.templates import page
from models.validation.benchmark.run import GROWTH, LIMIT, PEERS, first_answer
from models.validation.benchmark.worker import CHAINS, DRAWS, MOST_EFFECTS, TARGET_ACCEPT, TUNE

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


def growth_frame(table: pd.DataFrame, stopped: dict[str, list[int]]) -> pd.DataFrame:
    """Return seconds to the first answer by number of studies, as a frame of texts.

    Parameters
    ----------
    table
        From `medians`.
    stopped
        Numbers of studies at which each peer gave no answer in time.
    """
    chosen = table[table["model"] == GROWTH]
    sizes = sorted(set(chosen["k"]))
    rows = []
    for peer in PEERS:
        own = chosen[chosen["peer"] == peer].set_index("k")["first_answer"]
        failed = stopped.get(peer, [])
        if own.empty and not failed:
            continue
        row = {"": NAMES[peer]}
        for k in sizes:
            row[f"{k:,}"] = (
                _number(own.get(k)) if k in own else (f"> {LIMIT:.0f}" if k in failed else "")
            )
        rows.append(row)
    return pd.DataFrame(rows)


def circumstances(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the page says beside the medians, JSON-able.

    Returns
    -------
    dict
        ``cores``; ``versions`` of the peers; ``stopped``: numbers of studies at which each gave no
        answer in time; ``absent``: why peers could not be measured; ``failed``: peer, model and
        reason of measurements on the paper's data that failed.
    """
    frame = records_frame(records)
    versions = frame[frame["peer"] != "grid"].groupby("peer")["version"].first()
    stopped: dict[str, list[int]] = {}
    failed = []
    for record in (r for r in records if "failed" in r):
        if record["model"] == GROWTH:
            stopped.setdefault(record["peer"], []).append(record["k"])
        else:
            failed.append([record["peer"], record["model"], record["failed"]])
    return {
        "cores": int(frame["cores"].iloc[0]),
        "versions": {peer: versions[peer] for peer in PEERS if peer in versions},
        "stopped": {peer: stopped[peer] for peer in PEERS if peer in stopped},
        "absent": {r["peer"]: r["absent"] for r in records if "absent" in r},
        "failed": failed,
    }


def benchmark_markdown(table: pd.DataFrame, around: dict[str, Any]) -> str:
    """Return the page of the benchmarks, from `medians` and `circumstances`."""
    measured = [model for model in TITLES if (table["model"] == model).any()]
    return page(
        "validation/benchmark/benchmark.md",
        **around,
        names=NAMES,
        kept=CHAINS * DRAWS,
        chains=CHAINS,
        draws=DRAWS,
        tune=TUNE,
        target_accept=TARGET_ACCEPT,
        most_effects=MOST_EFFECTS,
        load=[f"{table['load_least'].min():.1f}", f"{table['load_most'].max():.1f}"],
        speeds={TITLES[model]: speeds_frame(table, model) for model in measured},
        aims=_aims(table),
        limit=f"{LIMIT:.0f}",
        growth=growth_frame(table, around["stopped"]) if GROWTH in set(table["model"]) else None,
    )


def write_benchmark(records: list[dict[str, Any]], out: Path) -> str:
    """Write ``benchmark.csv``, ``.json``, ``.md`` and ``.png``; return the page."""
    from models.render.style import save_png
    from models.validation.benchmark.plots import benchmark

    table, around = medians(records_frame(records)), circumstances(records)
    page = benchmark_markdown(table, around)
    write_csv(table, out / "benchmark.csv")
    write_json(out / "benchmark.json", around)
    write_text(out / "benchmark.md", page)
    save_png(benchmark(table), out / "benchmark", dpi=300)
    return page


def _aims(table: pd.DataFrame) -> list[str]:
    lines = []
    for a, b, wanted in AIMS:
        found = ratio(table, "pooled", a, b, "ess_per_second")
        if found is None:
            lines.append(f"{a} over {b}, at least {wanted:g}: not measured")
            continue
        verdict = "met" if found >= wanted else "missed"
        lines.append(
            f"{a} over {b} in effective draws a second (pooled model), at least {wanted:g}: "
            f"{_number(found)}, {verdict}"
        )
    return lines
