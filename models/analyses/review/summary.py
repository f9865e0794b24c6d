"""A review analysed: its tables, its cautions, and all of it for JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from models.analyses.review.groups import Groups
from models.analyses.review.posterior import Pool
from models.analyses.review.settings import Settings
from models.analyses.review.words import percent, records, sentence_interval

if TYPE_CHECKING:
    from models.analyses.regression.summary import RegressionAnalysis


@dataclass(frozen=True, eq=False, repr=False)
class ReviewResult:
    """Everything that is reported of a review; rates on the probability scale.

    Attributes
    ----------
    source
        What the review is called.
    frame
        The studies that were analysed.
    settings
        How.
    pool
        The posterior.
    tables
        ``pools`` (one row an estimator), ``studies``, ``thresholds``, ``prediction``,
        ``leave_one_out``, ``cumulative``, ``priors``; with groups ``groups``, ``contrasts``,
        ``group_priors``; with covariates ``coefficients``. Unrounded.
    groups
        Of a review by groups.
    regression
        Of a review with covariates.
    notes
        How the file was read.
    cautions
        What a reader should know before the answer.
    provenance
        What made the numbers: input and its checksum, rows kept, versions, date.
    """

    source: str
    frame: pd.DataFrame
    settings: Settings
    pool: Pool
    tables: dict[str, pd.DataFrame]
    groups: Groups | None = None
    regression: "RegressionAnalysis | None" = None
    notes: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def bayes(self) -> dict[str, Any]:
        """The numbers of the Bayesian pool, by name of rate and part."""
        row = self.tables["pools"].set_index("estimator").loc["Bayes"]
        return {str(key): value for key, value in row.items()}

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Numbers of studies, events and patients."""
        return len(self.frame), int(self.frame["events"].sum()), int(self.frame["total"].sum())

    def answer(self) -> str:
        """Return the answer in a sentence that can be repeated at the bedside."""
        k, _, total = self.sizes
        level = self.settings.interval
        text = typical_sentence(self.bayes, self.settings.event, level, k, total)
        if self.groups is not None and len(self.groups.contrasts):
            text += f" {self._contrast()}"
        return text

    def _contrast(self) -> str:
        """Return the sentence on the contrast that is surest, not called anything it is not."""
        assert self.groups is not None
        table = self.groups.contrasts
        surest = table.loc[(table["p_higher"] - 0.5).abs().idxmax()]
        a, b, p = surest["a"], surest["b"], float(surest["p_higher"])
        if p < 0.5:
            a, b, p = b, a, 1 - p
        pairs = "" if len(table) == 1 else f" (the surest of {len(table)} comparisons)"
        chance = "above 99.9 %" if p > 0.999 else f"{100 * p:.0f} %"
        return f"That the rate is higher in {a} than in {b} has a probability of {chance}{pairs}."

    def as_dict(self) -> dict[str, Any]:
        """Return every number, unrounded, and what made it; null where nothing exists."""
        k, events, total = self.sizes
        found: dict[str, Any] = {
            "source": self.source,
            "k": k,
            "events": events,
            "total": total,
            "settings": self.settings.as_dict(),
            "notes": self.notes,
            "cautions": self.cautions,
            "answer": self.answer(),
            **{name: records(table) for name, table in self.tables.items()},
            "diagnostics": self.pool.gate.as_dict(),
        }
        if self.groups is not None:
            found["by"] = self.groups.by
            found["sigma_group"], found["tau_of_groups"] = self.groups.sigma, self.groups.tau
            found["freeman_tukey_between"] = self.groups.ft_between
            found["log_bayes_factor"] = self.groups.log_bayes_factor
            found["diagnostics_of_groups"] = self.groups.gate.as_dict()
        if self.regression is not None:
            found["regression"] = self.regression.as_dict()
        return found | {"provenance": self.provenance}

    def __repr__(self) -> str:
        return f"{self.source}: {self.answer()}"


def typical_sentence(
    row: Mapping[str, Any], event: str, level: str, studies: int, patients: int
) -> str:
    """Return the typical rate and what a new study would find, as a clinician may repeat it.

    Parameters
    ----------
    row
        ``typical_*`` and ``new_study_*`` (median, lower, upper).
    event
        As in "patients with an event".
    level
        How the interval is called.
    studies, patients
        How many.
    """
    return (
        f"In a typical study {sentence_interval(row, 'typical', level)} of the patients had "
        f"{event} ({studies} {'study' if studies == 1 else 'studies'}, {patients} patients); a new "
        f"study would find between {percent(row['new_study_lower'])} and "
        f"{percent(row['new_study_upper'])}."
    )
