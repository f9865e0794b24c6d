"""The benchmarks: that a measurement measures, and that tables and figure say what was measured."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from models.common.errors import InputError
from models.grid import fit_pooled
from models.validation.benchmark import run as benchmark
from models.validation.benchmark.run import (
    COVERED,
    GROWTH,
    LIMIT,
    PEERS,
    Measurement,
    first_answer,
    measure,
    plan,
    run_benchmark,
    simulated_rows,
    stopped,
)
from models.validation.benchmark.tables import (
    benchmark_markdown,
    circumstances,
    growth_frame,
    medians,
    ratio,
    records_frame,
)
from models.validation.benchmark.worker import effective


def record(peer: str, model: str = "pooled", k: int = 38, run: int = 0, **values: object) -> dict:
    found = {
        "peer": peer,
        "model": model,
        "k": k,
        "run": run,
        "load_average": 1.5,
        "cores": 2,
        "imports": 1.0,
        "compilation": 4.0,
        "sampling": 1.0,
        "warm": 0.5,
        "ess_bulk_min": 900.0,
        "ess_tail_min": 1000.0,
        "divergences": 0,
        "version": "1.2",
        "mu_mean": -1.66,
        "mu_sd": 0.18,
        "tau_mean": 0.92,
    }
    return found | values


RECORDS = [
    record("grid", compilation=0.0, sampling=0.05, warm=0.04, ess_bulk_min=3600.0,
           ess_tail_min=3500.0, divergences=None, run=0),
    record("grid", compilation=0.0, sampling=0.07, warm=0.04, ess_bulk_min=3600.0,
           ess_tail_min=3500.0, divergences=None, run=1),
    record("grid", compilation=0.0, sampling=7.0, warm=0.04, ess_bulk_min=3600.0,
           ess_tail_min=3500.0, divergences=None, run=2),
    record("nutpie"),
    record("brms", compilation=44.0, sampling=5.0),
    {"peer": "numpyro", "model": "pooled", "k": 38, "run": 0, "absent": "No module named numpyro"},
    record("grid", GROWTH, 10, warm=None),
    record("grid", GROWTH, 1000, warm=None),
    record("nutpie", GROWTH, 10, warm=None),
    {"peer": "nutpie", "model": GROWTH, "k": 1000, "run": 0, "failed": "took more than 240 s"},
]  # fmt: skip


def test_a_measurement_of_the_grid_is_complete_and_true() -> None:
    found = measure(Measurement("grid", "pooled", 38, 0))
    assert "failed" not in found, found
    for part in ("imports", "sampling", "warm", "load_average"):
        assert found[part] >= 0
    assert found["compilation"] == 0
    assert first_answer(found) == found["imports"] + found["sampling"]
    assert found["kept_draws"] == 4000
    assert found["parameters"] == 40
    # Monte Carlo error of 4000 independent draws: 0.181 / 63 and about 0.17 / 63; five of them
    assert found["mu_mean"] == pytest.approx(-1.660, abs=0.015)
    assert found["tau_mean"] == pytest.approx(0.920, abs=0.015)
    # independent draws: their effective number is the number kept, estimated to a few per cent,
    # and the least of 80 estimates lies below it
    assert 3000 < min(found["ess_bulk_min"], found["ess_tail_min"]) <= 4400


def test_effective_draws_are_those_of_the_theory() -> None:
    """An autoregression with coefficient r has n (1 - r) / (1 + r) effective draws."""
    rng = np.random.default_rng(1)
    independent = rng.standard_normal((4, 1000))
    slow = lfilter([1.0], [1.0, -0.8], rng.standard_normal((4, 1100)))[:, 100:]
    both = np.stack([independent, slow], axis=2)
    found = effective({"mu": independent, "tau": independent, "study": both})
    # estimates of an effective size scatter by some 15 per cent here
    assert found["ess_bulk_min"] == pytest.approx(4000 * 0.2 / 1.8, rel=0.35)
    assert found["parameters"] == 4


def test_the_simulated_reviews_are_those_of_the_reference() -> None:
    rows = simulated_rows(3000)
    fit = fit_pooled([r["events"] for r in rows], [r["total"] for r in rows])
    # five standard errors of 3000 studies
    assert float(fit.mu.mean) == pytest.approx(-1.66, abs=0.11)
    assert fit.tau.mean == pytest.approx(0.92, abs=0.11)
    assert simulated_rows(10) == simulated_rows(10)


def test_peers_take_turns_and_fit_what_they_are_written_for() -> None:
    found = plan(PEERS, ("pooled", "subtype"), (10, 100), 2)
    main = [m for m in found if m.model != GROWTH]
    assert all(m.model in COVERED[m.peer] for m in main)
    first = [m for m in main if m.run == 0]
    assert main[: len(first)] == first
    assert len({m.name for m in found}) == len(found)
    assert [m.k for m in found if m.model == GROWTH and m.peer == "brms"] == [10, 100]


def test_a_peer_stops_at_the_first_size_beyond_the_limit(tmp_path, monkeypatch) -> None:
    asked: list[Measurement] = []

    def slow(measurement: Measurement) -> dict:
        asked.append(measurement)
        if measurement.peer == "numpyro":
            return {"peer": "numpyro", "model": GROWTH, "k": 10, "run": 0, "absent": "not there"}
        seconds = LIMIT * measurement.k / 50 if measurement.peer == "pymc" else 1.0
        return record(measurement.peer, measurement.model, measurement.k, sampling=seconds)

    monkeypatch.setattr(benchmark, "measure", slow)
    measurements = plan(("grid", "pymc", "numpyro"), (), (10, 100, 1000), 1)
    seen: list[Measurement] = []
    run_benchmark(measurements, tmp_path, seen.append)
    assert seen == measurements
    names = [(m.peer, m.k) for m in asked]
    assert names == [
        *[("grid", 10), ("pymc", 10), ("numpyro", 10), ("grid", 100), ("pymc", 100)],
        ("grid", 1000),
    ]
    # resumed: nothing but the absent peer is asked again
    asked.clear()
    run_benchmark(measurements, tmp_path)
    assert [(m.peer, m.k) for m in asked] == [("numpyro", 10)]
    assert stopped(Measurement("pymc", GROWTH, 1000, 0), tmp_path)
    assert not stopped(Measurement("pymc", "pooled", 38, 0), tmp_path)


def test_records_of_other_code_are_not_mixed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "measure", lambda m: record(m.peer, m.model, m.k))
    run_benchmark(plan(("grid",), (), (10,), 1), tmp_path)
    monkeypatch.setattr(benchmark, "code_hash", lambda *_: "other")
    with pytest.raises(InputError, match="code_sha256"):
        run_benchmark([], tmp_path)


def test_a_process_that_takes_too_long_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(Measurement, "limit", 0.05)
    found = measure(Measurement("grid", GROWTH, 10, 0))
    assert found["failed"] == "took more than 0 s"


def test_a_process_that_fails_says_why(monkeypatch) -> None:
    monkeypatch.setattr(
        benchmark, "simulated_rows", lambda k: [{"study": "a", "events": "x", "total": 3}]
    )
    found = measure(Measurement("grid", GROWTH, 10, 0))
    assert "invalid literal" in found["failed"]


def test_medians_and_ratios() -> None:
    table = medians(records_frame(RECORDS))
    rows = table[table["model"] == "pooled"].set_index("peer")
    assert rows.loc["grid", "runs"] == 3
    assert rows.loc["grid", "ess_per_second"] == pytest.approx(3500 / 0.07)
    assert rows.loc["nutpie", "ess_per_second"] == pytest.approx(900 / 5.0)
    assert rows.loc["nutpie", "ess_per_second_warm"] == pytest.approx(900 / 0.5)
    assert rows.loc["brms", "first_answer"] == pytest.approx(50.0)
    assert ratio(table, "pooled", "grid", "nutpie", "ess_per_second") == pytest.approx(
        3500 / 0.07 / 180
    )
    assert ratio(table, "pooled", "grid", "rstanarm", "ess_per_second") is None
    assert list(rows.index) == ["grid", "nutpie", "brms"]


def page_of(records: list[dict]) -> str:
    return benchmark_markdown(medians(records_frame(records)), circumstances(records))


def test_the_page_names_what_is_absent_stopped_or_missed() -> None:
    page = page_of(RECORDS)
    assert "NUTS, NumPyro: absent (No module named numpyro)" in page
    assert "load average before a run 1.5 to 1.5" in page
    assert "grid over nutpie in effective draws a second (pooled model), at least 100: 278" in page
    assert (
        "nutpie over brms in effective draws a second (pooled model), at least 5: 9.8, met" in page
    )
    growth = growth_frame(
        medians(records_frame(RECORDS)), circumstances(RECORDS)["stopped"]
    ).set_index("")
    assert growth.loc["NUTS, nutpie", "1,000"] == f"> {LIMIT:.0f}"
    slow = [json.loads(json.dumps(r)) for r in RECORDS]
    for item in slow:
        if item["peer"] == "grid":
            item["sampling"] = 1.0
    assert ", missed" in page_of(slow)


def test_the_figure_draws_every_median() -> None:
    from models.validation.benchmark.plots import benchmark as draw

    table = medians(records_frame(RECORDS))
    figure = draw(table)
    left, right = figure.axes
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names == ["brms", "nutpie", "grid"]
    drawn = {float(x) for line in left.lines for x in line.get_xdata()}
    for value in pd.concat([table["ess_per_second"], table["ess_per_second_warm"]])[:3]:
        assert any(math.isclose(value, x) for x in drawn)
    labels = {text.get_text() for text in right.texts}
    assert {"grid", "nutpie"} <= labels
