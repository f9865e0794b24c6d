"""Methods and results paragraphs for a user's own review, from its saved fits."""

from pathlib import Path
from typing import Any

import pandas as pd

from models.analyses.groups.summary import SubgroupAnalysis, form_analysis
from models.analyses.pools.summary import summarise_pooled
from models.common.errors import InputError
from models.fitting.records import SavedFit, load_fit
from models.render.citations import Citations
from models.report.facts import fact_frames
from models.report.paper import methods

POOL, GROUPS = "pool_review", "groups_review"
"""Names under which ``scripts/pool.py --save`` and ``scripts/subgroups.py --save`` save."""


def user_tables(folder: Path) -> tuple[dict[str, pd.DataFrame], SubgroupAnalysis | None]:
    """Form the tables that the text cites from the saved fits of a review.

    Parameters
    ----------
    folder
        Where ``--save`` wrote.

    Raises
    ------
    InputError
        If neither a pooled nor a grouped fit is there, or one is stale.
    """
    fits: dict[str, SavedFit] = {
        name: load_fit(folder, name) for name in (POOL, GROUPS) if (folder / f"{name}.nc").exists()
    }
    if not fits:
        raise InputError(
            f"{folder}: no saved fit of a review; run scripts/pool.py REVIEW.csv --save {folder}"
        )
    first = next(iter(fits.values()))
    for fit in fits.values():
        for item in ("inputs", "priors"):
            if fit.record[item] != first.record[item]:
                raise InputError(
                    f"{folder}: the pooled and the grouped fit have different {item}; run both "
                    "again on the same file with the same priors"
                )
    tables = fact_frames(first.record["sampling"]["first_attempt"], first.priors)
    tables["diagnostics"] = pd.DataFrame(
        [
            {
                "fit": name,
                "gate": "passed" if fit.gate.passed else "FAILED",
                **{k: v for k, v in fit.gate.as_dict().items() if k != "passed"},
                "escalations": fit.record["sampling"]["escalations"],
                "draws": fit.record["sampling"]["draws"] * fit.record["sampling"]["chains"],
                "target_accept": fit.record["sampling"]["target_accept"],
            }
            for name, fit in fits.items()
        ]
    )
    if POOL in fits:
        tables["pools"] = _pool_frame(fits[POOL])
    analysis = None
    if GROUPS in fits:
        saved = fits[GROUPS]
        context = saved.record["context"]
        analysis = form_analysis(
            saved,
            saved.review(),
            outcome=context["outcome"],
            by=context["by"],
            margin=context["margin"],
            higher_is_better=context["higher_is_better"],
        )
        tables["groups"] = analysis.groups
        tables["contrasts"] = analysis.contrasts
        settings = tables["settings"]
        settings.loc[settings["name"] == "margin", "value"] = context["margin"]
    return tables, analysis


def _pool_frame(fit: SavedFit) -> pd.DataFrame:
    review = fit.review()
    bayes = summarise_pooled(fit.posterior, review)
    row: dict[str, object] = {
        "id": POOL,
        "k": len(review),
        "events": int(review["events"].sum()),
        "total": int(review["total"].sum()),
    }
    for name in ("typical", "average", "new_study", "tau"):
        numbers = getattr(bayes, name)
        row |= {f"{name}_{part}": numbers[part] for part in ("median", "lower", "upper")}
    return pd.DataFrame([row])


def user_markdown(cite: Citations, analysis: SubgroupAnalysis | None) -> str:
    """Return the page for a user's review."""
    parts = ["# Paragraphs for a discussion section", ""]
    if (cite.tables["diagnostics"]["gate"] != "passed").any():
        parts += ["**A fit did not pass the gate: do not use these paragraphs.**", ""]
    parts += ["## Methods", "", methods(cite, paper=False), ""]
    if "pools" in cite.tables:
        pool: dict[str, Any] = {"id": POOL}
        parts += [
            "## Overall rate",
            "",
            f"Among {cite.number('pools', 'total', 0, **pool)} patients of "
            f"{cite.number('pools', 'k', 0, **pool)} studies, "
            f"{cite.number('pools', 'events', 0, **pool)} had an event. The typical rate was "
            f"{cite.rate('pools', 'typical_', **pool)}, the average rate "
            f"{cite.rate('pools', 'average_', **pool)}. The standard deviation between studies, "
            f"tau, was {cite.ratio('pools', 'tau_', 2, **pool)} on the logit scale; the rate of a "
            "new study is predicted between "
            f"{cite.number('pools', 'new_study_lower', 0, 100.0, **pool)} % and "
            f"{cite.number('pools', 'new_study_upper', 0, 100.0, **pool)} %.",
            "",
        ]
    if analysis is not None:
        best = "highest" if analysis.higher_is_better else "lowest"
        parts += [
            "## Groups",
            "",
            f"Grouped by {analysis.by}; the {best} rate is best. Unless the arms were randomised "
            "against each other within trials, these contrasts compare arms of different trials.",
            "",
        ]
        for row in analysis.groups.itertuples():
            key: dict[str, Any] = {"group": row.group}
            parts.append(
                f"- {row.group}: {cite.number('groups', 'events', 0, **key)} of "
                f"{cite.number('groups', 'total', 0, **key)} patients (k = "
                f"{cite.number('groups', 'k', 0, **key)}), typical rate "
                f"{cite.rate('groups', 'typical_', **key)}, probability of being best "
                f"{cite.chance('groups', 'p_best', **key)}."
            )
        chosen = analysis.contrasts[
            (analysis.contrasts["scale"] == "risk_difference")
            & (analysis.contrasts["estimand"] == "typical")
        ]
        for row in chosen.itertuples():
            pair: dict[str, Any] = {
                "a": row.a,
                "b": row.b,
                "scale": "risk_difference",
                "estimand": "typical",
            }
            parts.append(
                f"- {row.a} against {row.b}: {cite.points('contrasts', '', **pair)}; probability "
                f"that {row.a} is higher {cite.chance('contrasts', 'p_superior', **pair)}."
            )
        parts.append("")
    return "\n".join(parts)
