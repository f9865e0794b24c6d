"""Saved fits in place of the sampler: the same tables and texts without refitting."""

from pathlib import Path
from typing import Any

import pandas as pd

from models.common.errors import InputError
from models.fitting.fit import SamplerSettings, review_hash
from models.fitting.records import SavedFit, load_fit
from models.priors import Priors


class SavedFits:
    """Answers ``fit`` from disk, with the interface of ``models.fitting.sampler.Sampler``.

    Parameters
    ----------
    folder
        Where ``models.fitting.records.save_fit`` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded: dict[str, SavedFit] = {}

    @property
    def settings(self) -> SamplerSettings:
        """Settings of the first fit loaded, as set before any escalation."""
        record = next(iter(self.loaded.values())).record["sampling"]
        return SamplerSettings(**record["first_attempt"])

    def fit(
        self, build: Any, review: pd.DataFrame, priors: Priors, estimands: Any, name: str = ""
    ) -> SavedFit:
        """Return the saved fit of that name.

        Raises
        ------
        InputError
            If it is not there, if its model's source has changed, or if it was made from other
            counts or with other priors than those asked for.
        """
        saved = load_fit(self.folder, name)
        if saved.record.get("review_sha256") != review_hash(review):
            raise InputError(f"{self.folder / name}.nc was fitted to other counts; run it again")
        if saved.priors != priors:
            raise InputError(f"{self.folder / name}.nc was fitted with other priors; run it again")
        self.loaded[name] = saved
        return saved
