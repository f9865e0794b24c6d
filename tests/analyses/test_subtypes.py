"""Priors, summaries and figures of the subtype models, without sampling."""

from models.interface.cli import run

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.patches import Rectangle
from scipy import stats
from scipy.special import expit

from models.analyses.paper.lps import explain_pool, lps_groups, lps_steps
from models.analyses.subtypes.fits import leave_out
from models.common.constants import PROJECT_ROOT
from models.evidence.load import Evidence, paper_cells
from models.fitting.fit import SamplerSettings, Wanted
from models.fitting.records import Recorder
from models.fitting.registry import SUBTYPE_TREATMENT
from models.frequentist.freeman_tukey import printed
from models.interface.job import PARTS, Run, run_job
from models.reviews.strata import family_totals
from tests.analyses.conftest import Invented, draws_of

SCRIPT = PROJECT_ROOT / "scripts" / "subtypes.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("subtypes_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the command line, up to where it would sample


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nex-mean", "0"], "--nex-mean does not apply to --model exchangeable"),
        (["--model", "exnex", "--prior-sigma-scale", "1"], "--prior-sigma-scale does not apply"),
        (["--model", "exnex", "--p-exchangeable", "1"], "p_exchangeable must lie between 0 and 1"),
        (["--model", "exnex", "--nex-sd", "0"], "nex_sd must be positive"),
        (["--prior-tau-scale", "-1"], "tau_scale must be positive"),
        (["--draws", "10"], "--draws must be at least 100"),
        (["--model", "other"], 'Invalid value "other" for --model'),
        (["--data", "nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_wrong_arguments_exit_with_2_and_one_line(
    script: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        run(script.app, arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr().err.strip()
    assert message in captured
    assert captured.count("\n") == 0


# --- priors of EXNEX


def test_a_stratum_on_its_own_has_the_information_of_one_patient(evidence: Evidence) -> None:
    from models.priors import DEFAULT_EXNEX_PRIORS as PRIORS

    values = evidence.published_values.set_index("id")
    earlier = float(values.loc["P104", "estimate"])
    rate = float(expit(PRIORS.nex_mean))
    assert rate == pytest.approx(earlier if earlier < 1 else earlier / 100)
    # information of one Bernoulli observation on the logit scale is p (1 - p)
    assert 1 / (rate * (1 - rate) * PRIORS.nex_sd**2) == pytest.approx(1, abs=0.02)


# --- summaries


def test_borrowed_information_of_a_beta_posterior_is_its_pseudo_patients() -> None:
    from models.analyses.subtypes.summary import borrowed_information

    # Beta(2 + x, 8 + n - x): ten pseudo-patients beyond the n of the data
    posterior = stats.beta(2 + 3, 8 + 12 - 3)
    assert borrowed_information(posterior.mean(), posterior.std(), 12) == pytest.approx(10)


def test_rank_columns_of_known_draws() -> None:
    from models.analyses.subtypes.summary import rank_columns

    names = ["a", "b", "c", "d"]
    # a first in half of the draws, d in the other half; b always second, c always third
    values = np.array([[0.9, 0.5, 0.4, 0.1], [0.1, 0.5, 0.4, 0.9]])[None]
    rates = xr.DataArray(values, {"stratum": names}, ("chain", "draw", "stratum"))
    table = rank_columns(rates)
    assert table["expected_rank"].tolist() == [2.5, 2.0, 3.0, 2.5]
    assert table["p_top_three"].tolist() == [0.5, 1.0, 1.0, 0.5]


def test_families_are_patient_weighted_means() -> None:
    from models.estimands.subtypes import subtype_estimands

    strata = pd.DataFrame(
        {
            "stratum": ["a", "b", "c"],
            "events": [1, 2, 3],
            "total": [10, 30, 60],
            "parent": ["f", None, "f"],
        }
    )
    rng = np.random.default_rng(2)

    def draws(*dims: str, positive: bool = False) -> xr.DataArray:
        coords = {"stratum": ["a", "b", "c"], "family": ["f"]}
        shape = [2, 5, *(len(coords[dim]) for dim in dims)]
        values = rng.standard_normal(shape)
        return xr.DataArray(
            np.abs(values) if positive else values,
            {dim: coords[dim] for dim in dims},
            ("chain", "draw", *dims),
        )

    posterior = xr.Dataset(
        {
            "mu": draws(),
            "tau": draws(positive=True),
            "tau_child": draws(positive=True),
            "z": draws("stratum"),
            "family_effect": draws("family"),
        }
    )
    found = subtype_estimands(strata)(posterior, 1)
    one = posterior.isel(chain=1, draw=3)
    mu, tau, child = (float(one[name]) for name in ("mu", "tau", "tau_child"))
    middle = mu + tau * float(one["family_effect"][0])
    z = one["z"].values
    a, b, c = expit(middle + child * z[0]), expit(mu + tau * z[1]), expit(middle + child * z[2])
    rates = found["stratum_rate"].isel(chain=1, draw=3).values
    assert rates == pytest.approx([a, b, c])
    family = float(found["family_rate"].isel(chain=1, draw=3, family=0))
    assert family == pytest.approx((10 * a + 60 * c) / 70)


# --- why LPS falls below its parts


def test_steps_of_lps(evidence: Evidence) -> None:
    steps = lps_steps(evidence).set_index("subtype")
    for _, row in steps.iterrows():
        assert printed(row["published"], 2) == row["printed"]
    lps, ddlps = steps.loc["LPS"], steps.loc["DDLPS"]
    assert lps["crude"] == pytest.approx(22 / 159)
    # each step lowers it on its own, and both together more than either
    alone = [lps["weights_only"], lps["transformation_only"]]
    assert lps["published"] < min(alone)
    assert max(alone) < lps["crude"]
    # without heterogeneity the weights are nearly those of the patients
    assert ddlps["i2"] == 0
    assert ddlps["weights_only"] == pytest.approx(ddlps["crude"], abs=0.003)
    assert lps["published"] < ddlps["published"]


def test_groups_of_lps(evidence: Evidence) -> None:
    groups = lps_groups(evidence)
    assert groups[["patient_share", "weight"]].sum().tolist() == pytest.approx([1, 1])
    assert np.average(groups["rate"], weights=groups["patient_share"]) == pytest.approx(22 / 159)


def test_equal_groups_need_no_explanation() -> None:
    found = explain_pool([6, 6, 6], [30, 30, 30])
    # the double arcsine of equal groups turns back exactly at their own size
    for name in ("crude", "weights_only", "transformation_only", "published"):
        assert found[name] == pytest.approx(0.2), name


# --- figures


@pytest.fixture(scope="module")
def cells(evidence: Evidence) -> pd.DataFrame:
    """Cells as `summarise_cells` returns them, with beta posteriors in place of draws."""
    from models.reviews.strata import cell_table

    observed = paper_cells(evidence)
    events, total = cell_table(observed, "events"), cell_table(observed, "total")
    records = []
    for stratum in events.index:
        for treatment in events.columns:
            x, n = int(events.loc[stratum, treatment]), int(total.loc[stratum, treatment])
            lower, median, upper = stats.beta(1 + x, 5 + n - x).ppf([0.025, 0.5, 0.975])
            records.append(
                {
                    "stratum": stratum,
                    "treatment": treatment,
                    "events": x,
                    "total": n,
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                    "basis": "estimate" if n else "prediction",
                }
            )
    return pd.DataFrame(records)


def test_heat_map_marks_predictions(evidence: Evidence, cells: pd.DataFrame) -> None:
    from models.analyses.subtypes.heatmap import subtype_heatmap

    strata = evidence.strata()
    strata["median"] = strata["events"] / strata["total"]
    axes = subtype_heatmap(cells, strata).axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert len(boxes) == 24 * 5
    assert len(axes.collections) == 83  # a dot for every cell with patients
    texts = [text.get_text() for text in axes.texts]
    assert sum(text.get_fontstyle() == "italic" for text in axes.texts) == 37
    assert "45/116" in texts
    rows = [text for text in texts if "  " in text]
    assert rows[0] == "EAS  1 / 1"
    assert rows[-1].endswith(("0 / 2", "0 / 7", "0 / 11"))


def test_shrinkage_plot_shows_every_row_in_order(evidence: Evidence) -> None:
    from models.analyses.subtypes.shrinkage import shrinkage_plot

    strata = evidence.strata().assign(kind="stratum")
    rows = pd.concat([strata, family_totals(evidence.strata()).assign(kind="family")])
    printed_rows = evidence.subtypes.set_index("subtype")
    rows = rows.rename(columns={"stratum": "subtype"}).reset_index(drop=True)
    raw = rows["events"] / rows["total"]
    for name in ("estimate", "lower", "upper"):
        rows[f"printed_{name}"] = rows["subtype"].map(printed_rows[f"printed_{name}"])
    rows = rows.assign(
        raw=raw,
        exact_lower=raw / 2,
        exact_upper=(1 + raw) / 2,
        median=(2 * raw + 0.15) / 3,
        lower=raw / 3,
        upper=(1 + raw) / 3,
        borrowed=3.2,
        full_name=rows["full_name"].fillna("Liposarcoma"),
    )
    table = pd.concat([rows.assign(model=name) for name in ("exchangeable", "exnex")])
    axes = shrinkage_plot(table).axes[0]
    texts = [text.get_text() for text in axes.texts]
    names = dict(zip(rows["subtype"], rows["full_name"], strict=True))
    names["LPS"] += " (all four)"
    labels = [text for text in texts if text in names.values()]
    order = rows.sort_values("median", ascending=False)["subtype"]
    assert labels == [names[subtype] for subtype in order]
    assert "22 / 159" in texts
    assert "6 (0–18)" in texts  # the printed LPS
    squares = [line for line in axes.lines if line.get_gid() == "observed"]
    assert [line.get_xdata()[0] for line in squares] == list(rows["raw"].loc[order.index])
    estimates = [line for line in axes.lines if line.get_gid() == "estimate"]
    assert [line.get_xdata()[0] for line in estimates] == list(rows["median"].loc[order.index])
    assert texts.count("3") >= len(rows)  # patients borrowed


def test_recovery_table_names_what_decides(evidence: Evidence) -> None:
    from models.analyses.paper.cells import recover_cells, recovery_table

    table = recovery_table(recover_cells(evidence))
    row = table.set_index("subtype").loc["DDLPS"]
    assert (row["allocations"], row["solutions"], row["events"]) == (648, 2, "2/0/0/8/1")
    assert row["decided_by"] == "the parent LPS has 0/5 in ICI + TKI"


# --- the part as a whole, from made-up draws


@pytest.fixture(scope="module")
def by_treatment(evidence: Evidence) -> Wanted:
    return Wanted(SUBTYPE_TREATMENT, paper_cells(evidence), name="subtypes_by_treatment")


@pytest.mark.parametrize("label", ["LPS", "ASPS"])
def test_a_fit_that_leaves_a_stratum_out_keeps_its_treatment_mix(
    by_treatment: Wanted, label: str
) -> None:
    without = leave_out(by_treatment, label)
    gone = without.frame["total"] == 0
    members = {"LPS": 4, "ASPS": 1}[label]
    assert without.frame.loc[gone, "stratum"].nunique() == members
    assert without.frame.loc[gone, "events"].sum() == 0
    assert without.frame[~gone].equals(by_treatment.frame[~gone])
    assert without.identity()["given"] != by_treatment.identity()["given"]
    # the estimands are those of the whole: the frame alone would leave the mix undefined
    posterior = draws_of(by_treatment, 3)
    expected = by_treatment.estimands()(posterior, 1)
    found = without.estimands()(posterior, 1)
    assert not found["stratum_rate"].isnull().any()
    xr.testing.assert_identical(found, expected)


def test_a_stratum_may_have_any_name(by_treatment: Wanted) -> None:
    """Names of strata are handed on as keywords: those of the function's own must not collide."""
    cells = by_treatment.frame.replace({"stratum": {"ASPS": "frame", "EAS": "priors"}})
    wanted = dataclasses.replace(by_treatment, frame=cells)
    for label in ("frame", "priors"):
        assert set(leave_out(wanted, label).given) == {label}
        leave_out(wanted, label).estimands()


def test_unreliable_predictions_come_from_fits_without_the_stratum(
    evidence: Evidence, invented: Invented, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.analyses.subtypes import fits

    strata = evidence.strata()
    given = dict.fromkeys([*strata["stratum"], "LPS"], 0.1) | {"LPS": np.nan, "EAS": np.nan}
    monkeypatch.setattr(fits, "predict_subtype_treatment", lambda *_: dict(given))
    _, result = fits.fit_by_treatment(paper_cells(evidence), invented)
    assert [wanted.name for wanted in invented.wanted] == [
        "subtypes_by_treatment",
        "subtypes_by_treatment_without_EAS",
        "subtypes_by_treatment_without_LPS",
    ]
    _, without, family = (Invented()(wanted).posterior for wanted in invented.wanted)
    predictions = result.strata.set_index("stratum")["prediction"]
    expected = float(without["stratum_rate"].sel(stratum="EAS").mean())
    assert predictions["EAS"] == pytest.approx(expected)
    assert (predictions.drop("EAS") == 0.1).all()
    expected = float(family["family_rate"].sel(family="LPS").mean())
    assert result.families["prediction"].tolist() == pytest.approx([expected])


def test_the_part_writes_tables_figures_and_pages(
    evidence: Evidence, invented: Invented, tmp_path: Path
) -> None:
    run_ = Run(tmp_path, tmp_path / "memory", evidence, Recorder(invented), SamplerSettings())
    part = next(part for part in PARTS if part.name == "subtypes")
    output = run_job(dataclasses.replace(run_, parts=(part,)))["subtypes"]
    assert output.problems == []
    folder = tmp_path / "subtypes"
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.csv" for name in output.tables),
        *("subtypes.md", "subtype_by_treatment.md", "histology_sensitivity.md"),
        "subtype_claims.md",
        *(
            f"subtype_{n}.{end}"
            for n in ("shrinkage", "by_treatment")
            for end in ("png", "svg", "pdf")
        ),
    }
    # 24 strata and LPS under three models, one of them at two mixes
    assert len(output.tables["subtypes"]) == 25 * 4
    page = (folder / "subtype_by_treatment.md").read_text(encoding="utf-8")
    assert page.count("| *predicted ") == 37
    assert "| LPS * | 22/159 |" in (folder / "subtypes.md").read_text(encoding="utf-8")
