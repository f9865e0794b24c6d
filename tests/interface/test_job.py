"""The job: one loop over all parts, and only what has changed."""

import importlib.util
import json
from pathlib import Path

import pytest

from models.common.constants import PROJECT_ROOT
from models.common.sources import Sources
from models.evidence.load import Evidence
from models.fitting.fit import SamplerSettings
from models.fitting.records import Recorder
from models.interface import job
from models.interface.job import PARTS, Run, run_job

_spec = importlib.util.spec_from_file_location("fake", Path(__file__).with_name("fake.py"))
assert _spec is not None
assert _spec.loader is not None
fake = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fake)

FIRST = tuple(part for part in PARTS if part.name in ("paper", "pools"))


class Once:
    """One run of some parts with a fake fitter, and what it did."""

    def __init__(
        self,
        evidence: Evidence,
        out: Path,
        parts: tuple[job.Part, ...] = FIRST,
        settings: SamplerSettings = fake.SETTINGS,
        fitter: object = None,
        **options: object,
    ) -> None:
        self.fitter = fitter or fake.FakeFitter()
        self.computed: list[str] = []
        self.recorder = Recorder(self.fitter, out / "fits", settings)
        run = Run(
            out=out,
            memory=out / "fits" / "parts",
            evidence=evidence,
            recorder=self.recorder,
            settings=settings,
            parts=parts,
            report=lambda name, computed: self.computed.append(name) if computed else None,
            **options,
        )
        self.run = run
        self.done = run_job(run)

    @property
    def asked(self) -> list[str]:
        """Fits that were made."""
        return self.fitter.asked


def states(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return when each file below a folder was changed, and what it holds."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def first(evidence, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("job")
    once = Once(evidence, out)
    assert once.computed == ["paper", "pools"]
    assert len(once.asked) == 26
    assert [row["gate"] for row in once.recorder.rows] == ["passed"] * 26
    return out


def test_a_second_run_computes_nothing_and_touches_no_file(evidence, first):
    before = states(first)
    again = Once(evidence, first)
    assert (again.computed, again.asked) == ([], [])
    assert states(first) == before
    assert len(again.recorder.rows) == 26


def test_a_file_that_is_gone_or_changed_is_made_again_from_saved_fits(evidence, first):
    before = states(first)
    (first / "pools" / "forest_orr.svg").unlink()
    (first / "pools" / "pools.csv").write_text("changed")
    (first / "pools" / "pools.md").write_text("changed")
    again = Once(evidence, first)
    assert (again.computed, again.asked) == (["pools"], [])
    assert {k: v[1] for k, v in states(first).items() if "parts" not in k} == {
        k: v[1] for k, v in before.items() if "parts" not in k
    }


def test_other_settings_and_fresh_make_everything_anew(evidence, first, tmp_path):
    import shutil

    out = tmp_path / "copy"
    shutil.copytree(first, out)
    other = Once(evidence, out, settings=SamplerSettings(draws=101, tune=100), figures=False)
    assert other.computed == ["paper", "pools"]
    assert len(other.asked) == 26
    anew = Once(evidence, out, fresh=True, figures=False)
    assert anew.computed == ["paper", "pools"]


@pytest.mark.parametrize(
    ("place", "before", "after", "computed"),
    [
        ("pooled.py", "mu + tau * z", "mu + 2 * tau * z", ["pools"]),
        ("subgroup.py", "tau * z", "2 * tau * z", []),
        ("priors.py", "tau_scale: float = 1.0", "tau_scale: float = 1.1", ["pools"]),
        ("analyses/pools/validation.py", "0.030", "0.031", ["pools"]),
        ("pooled.py", "one rate each", "each its own rate", []),
    ],
    ids=["model", "another model", "prior", "tolerance", "docstring"],
)
def test_a_change_of_code_reaches_what_rests_on_it(
    evidence, first, tmp_path, monkeypatch, place, before, after, computed
):
    import shutil

    out, package = tmp_path / "copy", tmp_path / "models"
    shutil.copytree(first, out)
    shutil.copytree(PROJECT_ROOT / "models", package)
    text = (package / place).read_text(encoding="utf-8")
    assert before in text
    (package / place).write_text(text.replace(before, after), encoding="utf-8")
    monkeypatch.setattr(job, "code_hash", Sources(package).code_hash)
    assert Once(evidence, out, figures=False).computed == computed


def test_a_killed_run_goes_on_where_it_stopped(evidence, tmp_path):
    class Killed(fake.FakeFitter):
        def __call__(self, wanted):
            if len(self.asked) == 5:
                raise KeyboardInterrupt
            return super().__call__(wanted)

    with pytest.raises(KeyboardInterrupt):
        Once(evidence, tmp_path, fitter=Killed(), figures=False)
    again = Once(evidence, tmp_path, figures=False)
    assert again.computed == ["pools"]
    assert len(again.asked) == 26 - 5


@pytest.mark.parametrize("damage", [b"{", b'{"key": 1}'])
def test_a_damaged_memory_is_computed_again(evidence, first, tmp_path, damage):
    import shutil

    out = tmp_path / "copy"
    shutil.copytree(first, out)
    (out / "fits" / "parts" / "pools" / "state.json").write_bytes(damage)
    assert Once(evidence, out, figures=False).computed == ["pools"]


def test_a_fit_that_fails_is_a_problem_and_everything_is_written(evidence, tmp_path):
    once = Once(evidence, tmp_path, fitter=fake.FakeFitter(failing=("pool_P001",)))
    assert any("did not pass the gate" in text for text in once.recorder.problems)
    assert "FAILED" in [row["gate"] for row in once.recorder.rows]
    assert (tmp_path / "pools" / "forest_orr.svg").exists()
    state = json.loads((tmp_path / "fits/parts/pools/state.json").read_text())
    assert "FAILED" in [row["gate"] for row in state["gates"]]


def test_the_code_of_a_part_reaches_its_models_and_their_exact_engine():
    """Builders and engines are named by strings, which the hash has to follow."""
    found = Sources(PROJECT_ROOT / "models").definitions("models.analyses.pools.run:run")
    names = {f"{module}:{name}" for module, name in found}
    assert "models.pooled:build_pooled_model" in names
    assert "models.estimands.rates:pooled_estimands" in names
    assert "models.grid.fits:fit_pooled" in names
    assert "models.subgroup:build_subgroup_model" not in names
