"""The subtype model: exchangeable strata, families of them one level deeper.

For stratum ``s`` with ``x_s`` responders among ``n_s`` patients::

    x_s | p_s   ~ Binomial(n_s, p_s)
    logit(p_s)  = mu + tau * z_s                        s in no family
    logit(p_s)  = phi_f(s) + tau_child * z_s            s in family f
    phi_f       = mu + tau * b_f
    z_s, b_f    ~ Normal(0, 1)
    mu          ~ Normal(mu_mean, mu_sd)                logit scale
    tau         ~ HalfNormal(tau_scale)                 logit scale, >= 0
    tau_child   ~ HalfNormal(tau_scale)                 logit scale, >= 0

A stratum of two patients says little of its rate; the model adds what the others say: ``mu`` is
their middle and ``tau`` by how much they differ. A family (the liposarcomas) counts as one more
stratum among the others, and its members vary about it with a standard deviation of their own, so
that four liposarcomas do not speak four times on how far unlike diseases lie apart. With one family
the data say little about ``tau_child``; its prior is then felt, and is varied with that of ``tau``.

The strata are disjoint: in the paper's data the 23 rows of Fig. 4 that contain no other, and
``LPS, unspecified``, what is left of the row LPS without DDLPS, MLS and PLS. The rate of LPS is the
patient-weighted mean of its four members.

**Histology.** Epithelioid angiosarcoma (EAS) is a morphological variant of angiosarcoma (AS), not
an entity of its own (WHO Classification of Soft Tissue and Bone Tumours, 5th edition, 2020): by
histology its single patient belongs to AS. Epithelioid haemangioendothelioma (EHE) is an entity of
its own, defined by WWTR1-CAMTA1 or YAP1-TFE3 fusions, of lower grade, and is not joined with either
although all three are vascular. The strata follow the paper, which prints AS and EAS apart, so that
every printed row has its counterpart; what joining changes is reported beside the results (see
`models.analyses.subtypes.histology.histology_sensitivity`).
"""

import pandas as pd
import pymc as pm

from models.priors import DEFAULT_PRIORS, Priors
from models.reviews.padding import PADDING
from models.reviews.strata import family_codes


def build_subtype_model(strata: pd.DataFrame, priors: Priors = DEFAULT_PRIORS) -> pm.Model:
    """Build the model of exchangeable strata with families.

    Parameters
    ----------
    strata
        One row a stratum: ``stratum`` (unique labels), ``events``, ``total`` and, if there are
        families, ``parent`` (missing for a stratum in none). A row with ``total = 0`` leaves the
        posterior of the others alone and is predicted.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` (for both standard deviations) are used.

    Returns
    -------
    pymc.Model
        Free variables ``mu``, ``tau``, ``tau_child``, ``family_effect`` (``b_f``, dims ``family``)
        and ``z`` (dims ``stratum``); observed ``responders`` (dims ``stratum``). Counts, families
        and prior settings are ``pm.Data``. Without families one padded family keeps the dimension
        from being empty; it and ``tau_child`` then have their prior.
    """
    codes, families = family_codes(strata)
    coords = {
        "stratum": strata["stratum"].to_numpy(),
        "family": families or [f"{PADDING} family)"],
    }
    with pm.Model(coords=coords) as model:
        events = pm.Data("events", strata["events"].to_numpy("int64"), dims="stratum")
        total = pm.Data("total", strata["total"].to_numpy("int64"), dims="stratum")
        nested = pm.Data("nested", (codes >= 0).astype("int64"), dims="stratum")
        family_of = pm.Data("family_of", codes.clip(min=0), dims="stratum")
        mu_mean = pm.Data("prior_mu_mean", priors.mu_mean)
        mu_sd = pm.Data("prior_mu_sd", priors.mu_sd)
        tau_scale = pm.Data("prior_tau_scale", priors.tau_scale)

        mu = pm.Normal("mu", mu_mean, mu_sd)
        tau = pm.HalfNormal("tau", tau_scale)
        tau_child = pm.HalfNormal("tau_child", tau_scale)
        family_effect = pm.Normal("family_effect", 0.0, 1.0, dims="family")
        z = pm.Normal("z", 0.0, 1.0, dims="stratum")
        deviation = pm.math.switch(nested, tau * family_effect[family_of] + tau_child * z, tau * z)
        pm.Binomial("responders", n=total, logit_p=mu + deviation, observed=events, dims="stratum")
    return model
