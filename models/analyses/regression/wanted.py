"""The regressions of the job: each covariate alone, and what treatments look like beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.evidence.covariates import COVARIATES, paper_covariates, with_covariates
from models.evidence.groupings import grouped_outcome
from models.evidence.load import Evidence
from models.fitting.fit import Wanted
from models.fitting.registry import REGRESSION
from models.priors import DEFAULT_REGRESSION_PRIORS
from models.reviews.covariates import Design, make_design

TREATMENT: Final = "treatment"
LENGTH: Final = {"draws": 1500, "tune": 1000}


@dataclass(frozen=True)
class Asked:
    """One regression of the response.

    Attributes
    ----------
    covariates
        Their names.
    by
        Grouping of the arms with partially pooled means, if any.
    """

    covariates: tuple[str, ...]
    by: str | None = None

    @property
    def label(self) -> str:
        """Return the regression in words: ``asps_share + ss_mls_share, by treatment``."""
        return " + ".join(self.covariates) + (f", by {self.by}" if self.by else "")


SHARES: Final = Asked(("asps_share", "ss_mls_share"))
SHARES_BY_TREATMENT: Final = Asked(SHARES.covariates, TREATMENT)
ASPS_BY_TREATMENT: Final = Asked(("asps_share",), TREATMENT)
LINE_BY_TREATMENT: Final = Asked(("line",), TREATMENT)
ALONE: Final = tuple(Asked((name,)) for name in COVARIATES)
TOGETHER: Final = (SHARES, ASPS_BY_TREATMENT, SHARES_BY_TREATMENT, LINE_BY_TREATMENT)


def regression(evidence: Evidence, asked: Asked) -> tuple[Wanted, Design]:
    """Return the fit of a regression of the paper's response, and its design."""
    arms = evidence.outcome("orr")
    if asked.by is not None:
        arms = grouped_outcome(evidence, "orr", asked.by)
    design = make_design(
        with_covariates(arms, evidence), paper_covariates(asked.covariates), "the paper's orr data"
    )
    stem = "_".join((*asked.covariates, *(["by", asked.by] if asked.by else [])))
    return wanted(design, f"regression_{stem}", f"regression, {asked.label}"), design


def wanted(design: Design, name: str, description: str) -> Wanted:
    """Return the fit of a design as the job makes it."""
    return Wanted(
        REGRESSION,
        design.frame,
        DEFAULT_REGRESSION_PRIORS,
        name=name,
        description=description,
        given={"design": design},
        settings=LENGTH,
    )


def labels(asked: Sequence[Asked]) -> list[str]:
    """Return regressions in words."""
    return [one.label for one in asked]
