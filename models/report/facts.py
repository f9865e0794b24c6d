"""Facts about a run that texts cite: priors, sampler settings, gate thresholds, versions."""

from collections.abc import Mapping

import pandas as pd

from models.analyses.checks.comparison import SMALL_DIFFERENCE
from models.analyses.checks.scenarios import SMALL_ARM
from models.analyses.groups.claims import DIRECTION
from models.common.constants import CI_PROB
from models.common.sources import versions
from models.estimands.contrasts import DEFAULT_MARGIN
from models.fitting.gate import BFMI_MIN, ESS_MIN, RHAT_MAX
from models.priors import Priors, as_exnex_priors


def fact_frames(settings: Mapping[str, float], priors: Priors) -> dict[str, pd.DataFrame]:
    """Return ``settings`` (name, value) and ``software`` (package, version).

    Parameters
    ----------
    settings
        Sampler settings of the first attempt, by name.
    priors
        Prior settings.
    """
    values: dict[str, float] = {
        "interval": CI_PROB,
        "margin": DEFAULT_MARGIN,
        "rhat_limit": RHAT_MAX,
        "ess_limit": ESS_MIN,
        "bfmi_limit": BFMI_MIN,
        "small_arm": SMALL_ARM,
        "small_difference": SMALL_DIFFERENCE,
        **{f"prior_{name}": value for name, value in as_exnex_priors(priors).as_dict().items()},
        **{name: float(value) for name, value in settings.items()},
        **{f"wording: {words}": least for least, words in DIRECTION},
        "total_draws": float(settings["draws"] * settings["chains"]),
    }
    found = versions()
    return {
        "settings": pd.DataFrame({"name": list(values), "value": list(values.values())}),
        "software": pd.DataFrame({"package": list(found), "version": list(found.values())}),
    }
