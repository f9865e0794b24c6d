"""Paragraphs on the histologic subtypes and on what the published method makes of them."""

from typing import Any, Final

from models.render.citations import Citations

EXCHANGEABLE, EXNEX = "exchangeable", "exnex"
HIGHEST: Final = "ASPS"
TINY: Final = "Myofibrosarcoma"
"""The subtype of two patients, about whom a clinician must say something."""


def subtype_methods(cite: Citations) -> str:
    """Return what the methods section says of the subtypes."""

    def setting(name: str) -> str:
        return cite.plain("settings", "value", name=name)

    return (
        "Response by histologic subtype was estimated for the paper's disjoint subtypes, the "
        "liposarcomas one level deeper, with the logits of the subtypes drawn from one normal "
        "population (exchangeable model). As a robust variant each subtype was exchangeable with "
        f"the others with prior probability {setting('prior_p_exchangeable')}, and otherwise had a "
        "rate of its own (EXNEX, Neuenschwander et al., Pharm Stat, volume 15, page 123): normal "
        "on the logit scale about the response rate of an earlier meta-analysis with standard "
        f"deviation {setting('prior_nex_sd')}, worth about one patient. A third model "
        "adds effects of the treatment group and of its interaction with the subtype, on the cells "
        "recovered from the printed rows of the subtypes. Shrinkage is the share of the way from "
        "the raw rate to what the other subtypes predict; borrowed information is that of a beta "
        "distribution with the posterior mean and standard deviation, less the subtype's own "
        "patients."
    )


def _key(subtype: str, model: str = EXCHANGEABLE) -> dict[str, Any]:
    return {"subtype": subtype, "model": model}


def _counts(cite: Citations, subtype: str) -> str:
    key = _key(subtype)
    events, total = (cite.number("subtypes", name, **key) for name in ("events", "total"))
    return f"{events} of {total} patients"


def subtype_results(cite: Citations) -> str:
    """Return the paragraph on the subtypes."""
    tau: dict[str, Any] = {"model": EXCHANGEABLE, "parameter": "tau"}
    high, high_exnex = _key(HIGHEST), _key(HIGHEST, EXNEX)
    return (
        "Subtypes differed (standard deviation between their logits "
        f"{cite.ratio('subtype_parameters', '', **tau)}). {HIGHEST} ({_counts(cite, HIGHEST)}) had "
        f"a response rate of {cite.rate('subtypes', '', **high)}; it was among the three highest "
        f"with probability {cite.chance('subtypes', 'p_top_three', **high)} "
        f"({cite.chance('subtypes', 'p_top_three', **high_exnex)} under EXNEX). Its own patients "
        f"decide: shrinkage was {cite.number('subtypes', 'shrinkage', 2, **high)}, and under "
        "EXNEX, which need not pull it towards the others, the rate was "
        f"{cite.rate('subtypes', '', **high_exnex)}. {_family(cite)}"
    )


def _family(cite: Citations) -> str:
    """Say why the printed LPS lies below its parts."""
    key = _key("LPS")
    row: dict[str, Any] = {"subtype": "LPS"}

    def step(name: str) -> str:
        return cite.number("lps_explained", name, 1, 100.0, **row)

    return (
        f"Liposarcoma is printed with {cite.percent('lps_explained', 'printed', **row)} although "
        f"{_counts(cite, 'LPS')} responded ({step('crude')} %). Of this, weighting the five "
        f"treatment groups' totals as DerSimonian and Laird do would alone give "
        f"{step('weights_only')} %, the double arcsine scale alone "
        f"{step('transformation_only')} %, and both together {step('published')} %. As the "
        f"patient-weighted mean of its four members it is {cite.rate('subtypes', '', **key)}."
    )


def tiny_subtype(cite: Citations) -> str:
    """Return what may be said of a subtype with two patients."""
    own, exnex = _key(TINY), _key(TINY, EXNEX)
    name = "myofibrosarcoma"
    return (
        f"For {name} the paper prints {cite.number('subtypes', 'printed_estimate', 2, **own)} "
        f"({cite.number('subtypes', 'printed_lower', 2, **own)} to "
        f"{cite.number('subtypes', 'printed_upper', 2, **own)}). What may be said: none of "
        f"{cite.number('subtypes', 'total', **own)} patients with {name} responded, which by "
        "itself excludes little (exact 95 % interval "
        f"{cite.number('subtypes', 'exact_lower', 0, 100.0, **own)} to "
        f"{cite.number('subtypes', 'exact_upper', 0, 100.0, **own)} %); given the responses of the "
        f"other sarcomas, its response rate is {cite.rate('subtypes', '', **own)}, and it exceeds "
        f"10 % with probability {cite.chance('subtypes', 'p_above_10', **own)}. Nearly all of this "
        f"is borrowed (information of {cite.number('subtypes', 'borrowed', 0, **own)} patients "
        "beyond its own, shrinkage "
        f"{cite.number('subtypes', 'shrinkage', 2, **own)}): it is a statement on a "
        "sarcoma of which little is known, not evidence that this one responds. If it may stand "
        f"on its own (EXNEX), the rate is {cite.rate('subtypes', '', **exnex)}."
    )


def simulation_results(cite: Citations) -> str:
    """Return the paragraph on the simulation over the paper's own design."""
    small, large, lps = "10-29", "≥ 100", "LPS (row)"

    def points(name: str, scenario: str, size: str, method: str) -> str:
        key = {"scenario": scenario, "size": size, "method": method}
        return cite.number("simulation_sizes", name, 1, 100.0, **key)

    def triple(name: str, scenario: str, size: str) -> str:
        a, b, c = (
            points(name, scenario, size, method)
            for method in ("ft_published", "crude", EXCHANGEABLE)
        )
        return f"{a} (published method), {b} (crude rate) and {c} (exchangeable model)"

    near, raw, arms = "posterior draws", "raw rates", "by treatment and arm"
    replicates = cite.number(
        "simulation_units", "replicates", scenario=near, unit="LPS", method="crude"
    )
    low = points("coverage", "all 5 %", large, "ft_published")
    return (
        f"In {replicates} simulated reviews a scenario over the paper's own arms and patients, "
        "with true rates like those of the exchangeable posterior, the bias for subtypes with ten "
        f"to twenty-nine patients was {triple('bias', near, small)} percentage points and the "
        f"root mean squared error {triple('rmse', near, small)}; their 95 % intervals held the "
        f"true rate in {triple('coverage', near, small)} per cent. For the row LPS the published "
        f"method was biased by {points('bias', near, lps, 'ft_published')} percentage points, and "
        "if every subtype's true rate was five per cent, its intervals for subtypes of a hundred "
        f"patients or more held it in {low} per cent. The hierarchical models lose where their "
        "assumption fails most: with the observed rates as truth (several of them zero) the root "
        "mean squared error for subtypes below ten patients was "
        f"{triple('rmse', raw, '1-9')}, and coverage {triple('coverage', raw, '1-9')} per cent. "
        "Where rates differ between arms as much as in this review, intervals from a subtype's "
        "total alone are too narrow: for subtypes of a hundred patients or more they held the true "
        f"rate in {points('coverage', arms, large, 'crude')} (crude rate) and "
        f"{points('coverage', arms, large, EXCHANGEABLE)} (exchangeable model) per cent, those of "
        "the published method, which sees the treatment groups' totals, in "
        f"{points('coverage', arms, large, 'ft_published')} per cent."
    )
