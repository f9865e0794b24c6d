"""Every statistical model of the project, once: how it is built, estimated and computed exactly.

Builders and engines are named by ``module:function`` and imported when they are called, so that
reading a saved fit brings no sampler and the exact engine no PyMC.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from models.common.sources import code_hash
from models.priors import Priors, as_exnex_priors

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from models.estimands.rates import EstimandFunction
    from models.reviews.covariates import Design


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes
    ----------
    name
        Its file in ``models/``.
    builder
        Place of its builder: ``(frame, priors) -> pymc.Model``.
    estimands
        Function of frame, priors and what else is given that returns the function of the draws
        which gives the estimands.
    engine
        Place of ``(frame, priors) -> posterior``, if the exact engine has the model.
    latent_table
        Whether a table of counts is sampled with the continuous variables
        (`models.fitting.lattice_sampler`).
    additive
        Place of ``(frame, priors) -> Additive`` (`models.numerics.additive`), if a model with a
        latent table is additive: it is then sampled by compiled code, not by PyMC.
    reads_all
        Whether every column of the frame is part of the data, not labels and counts alone.
    """

    name: str
    builder: str
    estimands: "Callable[..., EstimandFunction]"
    engine: str = ""
    latent_table: bool = False
    reads_all: bool = False
    additive: str = ""

    def build(self, frame: "pd.DataFrame", priors: Priors) -> Any:
        """Return the ``pymc.Model``."""
        return _load(self.builder)(frame, priors)

    def exact(self, frame: "pd.DataFrame", priors: Priors) -> Any:
        """Return the exact posterior."""
        return _load(self.engine)(frame, priors)

    def as_additive(self, frame: "pd.DataFrame", priors: Priors) -> Any:
        """Return the model as the compiled sampler takes it."""
        return _load(self.additive)(frame, priors)

    def code_hash(self) -> str:
        """Return the hash of the code that draws and estimands rest on."""
        roots = [self.builder, f"{self.estimands.__module__}:{self.estimands.__name__}"]
        return _code_hash(*roots, *([self.additive] if self.additive else []))


@cache
def _code_hash(*roots: str) -> str:
    return code_hash(*roots)


def _none(posterior: "xr.Dataset", seed: int) -> "xr.Dataset":
    import xarray as xr

    return xr.Dataset()


def no_estimands(frame: "pd.DataFrame", priors: Priors) -> "EstimandFunction":
    """Free variables only."""
    return _none


def of_pool(frame: "pd.DataFrame", priors: Priors) -> "EstimandFunction":
    """Estimands of one population of studies."""
    from models.estimands.rates import pooled_estimands

    return pooled_estimands


def of_groups(frame: "pd.DataFrame", priors: Priors) -> "EstimandFunction":
    """Estimands of a grouped review."""
    from models.estimands.rates import estimands_for

    return estimands_for(frame)


def of_strata(frame: "pd.DataFrame", priors: Priors) -> "EstimandFunction":
    """Estimands of exchangeable strata."""
    from models.estimands.subtypes import subtype_estimands

    return subtype_estimands(frame)


def of_exnex(frame: "pd.DataFrame", priors: Priors) -> "EstimandFunction":
    """Estimands of EXNEX."""
    from models.estimands.subtypes import exnex_estimands

    return exnex_estimands(frame, as_exnex_priors(priors))


def of_cells(
    frame: "pd.DataFrame", priors: Priors, /, **left_out: Mapping[str, float]
) -> "EstimandFunction":
    """Estimands of subtype by treatment.

    A stratum whose counts are left out of the fit has no treatment mix in the frame: its patients
    by treatment are then given, by the stratum's name.
    """
    from models.estimands.subtypes import subtype_treatment_estimands
    from models.reviews.strata import strata_of_cells

    rows = zip(frame["stratum"], frame["treatment"], frame["total"], strict=True)
    total = [left_out[s][t] if s in left_out else n for s, t, n in rows]
    cells = frame.assign(total=total)
    return subtype_treatment_estimands(cells, strata_of_cells(cells))


def of_case_mix(
    frame: "pd.DataFrame", priors: Priors, mix: Mapping[str, float] | None = None
) -> "EstimandFunction":
    """Estimands at given shares of subtypes, by default those of the review's patients."""
    from models.estimands.case_mix import case_mix_estimands, patient_mix, treatment_mix
    from models.reviews.case_mix import from_ledger

    review = from_ledger(frame)
    shares = patient_mix(review) if mix is None else mix
    return case_mix_estimands(shares, treatment_mix(review))


def of_case_mix_unpooled(
    frame: "pd.DataFrame", priors: Priors, mix: Mapping[str, float] | None = None
) -> "EstimandFunction":
    """As `of_case_mix`, treatments unpooled."""
    from models.estimands.case_mix import patient_mix, treatment_mix
    from models.estimands.case_mix_unpooled import unpooled_estimands
    from models.reviews.case_mix import from_ledger

    review = from_ledger(frame)
    shares = patient_mix(review) if mix is None else mix
    return unpooled_estimands(shares, treatment_mix(review))


def of_regression(frame: "pd.DataFrame", priors: Priors, design: "Design") -> "EstimandFunction":
    """Estimands of a regression on the covariates of a design, whose frame is the data."""
    from models.estimands.regression import regression_estimands

    return regression_estimands(design)


def of_outcomes(frame: "pd.DataFrame", priors: Priors) -> "EstimandFunction":
    """Estimands of the joint model of outcomes."""
    from models.estimands.joint import joint_estimands

    return joint_estimands


POOLED: Final = Model(
    "pooled",
    "models.pooled:build_pooled_model",
    of_pool,
    engine="models.fitting.exact:fit_review",
)
SUBGROUP: Final = Model(
    "subgroup",
    "models.subgroup:build_subgroup_model",
    of_groups,
    engine="models.fitting.exact:fit_groups",
)
INDEPENDENT_GROUPS: Final = Model(
    "independent_groups",
    "models.independent_groups:build_independent_groups_model",
    of_groups,
)
PUBLICATION: Final = Model(
    "publication",
    "models.publication:build_publication_model",
    of_groups,
)
SUBTYPE: Final = Model(
    "subtype",
    "models.subtype:build_subtype_model",
    of_strata,
    engine="models.fitting.exact:fit_strata",
)
EXNEX: Final = Model(
    "exnex",
    "models.exnex:build_exnex_model",
    of_exnex,
)
SUBTYPE_TREATMENT: Final = Model(
    "subtype_treatment",
    "models.subtype_treatment:build_subtype_treatment_model",
    of_cells,
)
CASE_MIX: Final = Model(
    "case_mix",
    "models.case_mix:build_case_mix_model",
    of_case_mix,
    latent_table=True,
    additive="models.case_mix:case_mix_additive",
)
CASE_MIX_APPROXIMATION: Final = Model(
    "case_mix_approximation",
    "models.case_mix_approximation:build_case_mix_approximation_model",
    of_case_mix,
)
CASE_MIX_UNPOOLED: Final = Model(
    "case_mix_unpooled",
    "models.case_mix_unpooled:build_case_mix_unpooled_model",
    of_case_mix_unpooled,
    latent_table=True,
    additive="models.case_mix_unpooled:case_mix_unpooled_additive",
)
CASE_MIX_COVARIATES: Final = Model(
    "case_mix_covariates",
    "models.case_mix_covariates:build_case_mix_covariates_model",
    of_case_mix,
    latent_table=True,
    additive="models.case_mix_covariates:case_mix_covariates_additive",
    reads_all=True,
)
STUDENT_T: Final = Model(
    "student_t",
    "models.student_t:build_student_t_model",
    no_estimands,
)
BETA_BINOMIAL: Final = Model(
    "beta_binomial",
    "models.beta_binomial:build_beta_binomial_model",
    no_estimands,
)
REGRESSION: Final = Model(
    "regression",
    "models.regression:build_regression_model",
    of_regression,
    reads_all=True,
)
JOINT: Final = Model(
    "joint",
    "models.joint:build_joint_model",
    of_outcomes,
    reads_all=True,
)
MODELS: Final = {
    model.name: model
    for model in (
        POOLED,
        SUBGROUP,
        INDEPENDENT_GROUPS,
        PUBLICATION,
        SUBTYPE,
        EXNEX,
        SUBTYPE_TREATMENT,
        CASE_MIX,
        CASE_MIX_APPROXIMATION,
        CASE_MIX_UNPOOLED,
        CASE_MIX_COVARIATES,
        STUDENT_T,
        BETA_BINOMIAL,
        REGRESSION,
        JOINT,
    )
}
"""By name; a test holds them against the files in ``models/``."""
