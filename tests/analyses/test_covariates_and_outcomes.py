"""The parts on covariates and on joint outcomes, from made-up draws."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from models.analyses.regression.run import NONE
from models.analyses.regression.wanted import ALONE, TOGETHER
from models.estimands.joint import RATES
from models.evidence.covariates import COVARIATES
from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.fitting.fit import SamplerSettings
from models.fitting.records import Recorder
from models.interface.job import PARTS, Run, run_job
from models.render.output import Output
from tests.analyses.conftest import Invented


def written(name: str, evidence: Evidence, invented: Invented, out: Path) -> Output:
    """Run one part of the job."""
    run = Run(out, out / "memory", evidence, Recorder(invented), SamplerSettings())
    part = next(part for part in PARTS if part.name == name)
    return run_job(dataclasses.replace(run, parts=(part,)))[name]


def test_every_covariate_is_regressed_on_alone(
    evidence: Evidence, invented: Invented, tmp_path: Path
) -> None:
    tables = written("regression", evidence, invented, tmp_path).tables
    assert len(invented.wanted) == len(ALONE) + len(TOGETHER) == len(COVARIATES) + 4
    rows = tables["regression_coefficients"].set_index(["regression", "term"])
    assert rows.index.is_unique
    assert set(COVARIATES) <= set(rows.index.get_level_values("regression"))
    draws = invented(invented.wanted[0]).posterior["coefficient"]
    assert rows.loc[("asps_share", "asps_share"), "median"] == pytest.approx(
        float(np.exp(draws.median()))
    )
    assert rows.loc[("line, by treatment", "line = unknown"), "unit"] == "v. >= second line"
    contrasts = tables["regression_contrasts"]
    assert (contrasts.groupby("regression").size() == 60).all()
    assert set(contrasts["regression"]) == {NONE, *(a.label for a in TOGETHER if a.by)}
    folder = tmp_path / "regression"
    page = (folder / "regression.md").read_text(encoding="utf-8")
    assert "chosen after their response rates had been seen" in page
    assert page.count("| asps_share + ss_mls_share, by treatment |") == 3
    alone = rows[rows.index.get_level_values("regression").isin(COVARIATES)]
    assert len(alone) > len(COVARIATES)
    assert (
        f"{len(COVARIATES)} covariates were tried, each alone, and gave {len(alone)} odds" in page
    )
    apart = int(((alone["lower"] > 1) | (alone["upper"] < 1)).sum())
    assert f"several; {apart} of their intervals leave out 1" in page
    assert (folder / "regression_bubbles.svg").exists()


def test_joint_tables_add_up(evidence: Evidence, invented: Invented, tmp_path: Path) -> None:
    tables = written("outcomes", evidence, invented, tmp_path).tables
    rates = tables["joint_rates"].pivot(index="treatment", columns="rate", values="mean")
    assert set(rates.index) == set(TREATMENTS)
    assert set(rates.columns) == set(RATES)
    np.testing.assert_allclose(rates[["cr", "pr", "sd", "pd"]].sum(axis=1), 1)
    np.testing.assert_allclose(rates["cr"] + rates["pr"], rates["orr"])
    contrasts = tables["joint_contrasts"]
    assert len(contrasts) == 10
    both = contrasts["p_more_response_without_more_toxicity"]
    assert (both <= contrasts["p_more_response"]).all()
    assert (both <= 1 - contrasts["p_more_toxicity"] + 1e-12).all()
    # at weight 0 a net benefit is more response
    none = tables["joint_net_benefit"].query("weight == 0")["probability"]
    np.testing.assert_allclose(none, contrasts["p_more_response"])
    page = (tmp_path / "outcomes" / "joint.md").read_text(encoding="utf-8")
    assert "38 arms report response, 35 disease control and 20 adverse events" in page
    trae = evidence.outcome("trae")["treatment"].value_counts()
    arms = evidence.outcome("orr")["treatment"].value_counts()
    for treatment in TREATMENTS:
        assert f"{treatment} {trae[treatment]} of {arms[treatment]}" in page
