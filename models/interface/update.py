"""The command of the living review: new arms in, what they change out, a folder with its record."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError
from models.interface.options import check_outputs
from models.priors import Priors

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from models.analyses.update.merge import Merged

REFERENCE: Final = "ICI monotherapy"
FOLLOWED: Final = "ICI + TKI"
"""Groups of the paper's treatments that the cumulative estimates compare."""
LARGE: Final = 4
"""Subtypes with the most patients, for the expected change at equal histology."""


@dataclass(frozen=True)
class Update:
    """What is updated, as the options say it; see ``scripts/update.py``."""

    new: Path
    review: Path | None
    outcome: str | None
    by: str | None
    reference: str | None
    follow: str | None
    replace: bool
    new_groups: bool


def update(asked: Update, priors: Priors, json: Path | None, out: Path | None) -> None:
    """Update a review; parameters as in ``scripts/update.py``."""
    check_outputs(json, out, [asked.new, asked.review])
    if asked.review is not None and asked.outcome is not None:
        raise InputError("give either --review or --outcome")
    if asked.review is not None and asked.by is None:
        raise InputError("a review needs --by COLUMN, the column that holds the groups")
    merged, source = _merged(asked)
    reference, follow = _compared(asked, merged)

    from models.analyses.update.expected import expected_changes
    from models.analyses.update.pages import moves_frame, sentences
    from models.analyses.update.state import moved_claims, moved_numbers, state_of
    from models.common.files import write_json

    before = state_of(merged.before, reference, priors)
    after = state_of(merged.after, reference, priors)
    analysis = None if asked.review else f"{asked.outcome or 'orr'}_{asked.by or 'treatment'}"
    numbers, claims = moved_numbers(before, after), moved_claims(before, after, analysis)
    order, why_not = _order(merged, follow, reference, priors)
    expected = expected_changes(after) if len(after.claims) else None
    histology = _histology(asked, follow, reference, priors)
    told = sentences(merged, numbers, claims, expected)
    if order is None:
        told.append(f"No cumulative estimates: {why_not}.")
    moves = moves_frame(numbers, claims)
    tables = {"moved_numbers": numbers, "moved_claims": claims, "review": merged.after}
    for name, table in (
        ("cumulative", order), ("expected", expected), ("expected_histology", histology),
    ):  # fmt: skip
        if table is not None:
            tables[name] = table
    if out is not None:
        _write(asked, source, merged, tables, told, moves, (follow, reference), out)
    if json is not None:
        write_json(json, _content(merged, tables, told))
    _show(told, moves, tables)


def _merged(asked: Update) -> tuple["Merged", str]:
    """Return the review before and after, and what it is called."""
    from models.analyses.update.merge import merge
    from models.reviews.groups import as_categorical, group_by
    from models.reviews.reader import read_review

    new, source = read_review(asked.new), str(asked.new)
    by = asked.by or "treatment"
    if by not in new:
        raise InputError(f"{source}: no column {by!r}, which holds the groups")
    new = new.assign(group=new[by].astype(str).str.strip())
    blank = new["group"].isin(("", "nan", "None"))
    if blank.any():
        label = new.loc[blank, "study"].iloc[0]
        raise InputError(f"{source}, column {by!r}: {label} has no group")
    if asked.review is not None:
        review = group_by(read_review(asked.review), by, str(asked.review))
        called = str(asked.review)
    else:
        from models.evidence.groupings import GROUPINGS, grouped_outcome
        from models.evidence.load import load_evidence
        from models.evidence.vocabulary import OUTCOMES

        outcome = asked.outcome or "orr"
        review = grouped_outcome(load_evidence(), outcome, by)
        called = f"the paper's review ({OUTCOMES[outcome]})"
        if by in GROUPINGS:
            new["group"] = new["group"].replace(GROUPINGS[by].labels)
    review["group"] = as_categorical(review["group"])
    flags = {"replace": asked.replace, "new_groups": asked.new_groups}
    return merge(review, new, source, **flags), called


def _compared(asked: Update, merged: "Merged") -> tuple[str, str | None]:
    """Return the reference group, and the group that is followed beside it."""
    groups = [str(g) for g in merged.after["group"].cat.categories]
    for option, group in (("--reference", asked.reference), ("--follow", asked.follow)):
        if group is not None and group not in groups:
            raise InputError(f"{option} {group!r}: there is no such group, only {groups}")
    reference = asked.reference or (REFERENCE if REFERENCE in groups else groups[0])
    others = [g for g in groups if g != reference]
    follow = asked.follow or (FOLLOWED if FOLLOWED in others else next(iter(others), None))
    if follow == reference:
        raise InputError(f"--follow {follow!r} is the reference itself")
    return reference, follow


def _order(
    merged: "Merged", follow: str | None, reference: str, priors: Priors
) -> tuple["pd.DataFrame | None", str]:
    """Return the cumulative estimates, or why there are none."""
    from models.analyses.update.cumulative import cumulative, years_of

    if follow is None:
        return None, "there is a single group"
    try:
        years = years_of(merged.after, "the review")
    except InputError as fault:
        return None, str(fault)
    return cumulative(merged.after, follow, reference, years, priors), ""


def _histology(
    asked: Update, follow: str | None, reference: str, priors: Priors
) -> "pd.DataFrame | None":
    """Return the expected change at equal histology, if the main job's case-mix fit is there."""
    paper = asked.review is None and (asked.outcome or "orr") == "orr"
    if not paper or (asked.by or "treatment") != "treatment" or follow is None:
        return None
    found = _case_mix(priors)
    if found is None:
        return None
    from models.analyses.update.expected import expected_by_histology

    posterior, subtypes = found
    known = set(posterior["treatment"].to_numpy().tolist())
    if not {follow, reference} <= known:
        return None
    return expected_by_histology(posterior, subtypes, follow, reference)


def _case_mix(priors: Priors) -> tuple["xr.Dataset", list[str]] | None:
    from models.common.constants import FIGURES_DIR
    from models.evidence.case_mix import paper_review
    from models.evidence.load import load_evidence
    from models.fitting.fit import Wanted
    from models.fitting.records import Saved
    from models.fitting.registry import CASE_MIX

    review = paper_review(load_evidence())
    try:
        fit = Saved(FIGURES_DIR / "fits")(
            Wanted(CASE_MIX, review.ledger(), priors, "case_mix", "case mix")
        )
    except InputError:
        return None
    totals = review.cells.groupby("subtype", observed=False)["total"].sum()
    named = totals.drop(["other", "unknown"], errors="ignore").nlargest(LARGE)
    return fit.posterior, [str(name) for name in named.index]


def _write(
    asked: Update,
    source: str,
    merged: "Merged",
    tables: "dict[str, pd.DataFrame]",
    told: list[str],
    moves: "pd.DataFrame",
    compared: tuple[str | None, str],
    out: Path,
) -> None:
    """Write the folder of an update: tables, page, figure and the record of what it rests on."""
    from models.analyses.update.figures import cumulative_figure
    from models.analyses.update.pages import update_markdown
    from models.common.files import write_json
    from models.common.sources import sha256, versions
    from models.render.output import Output, write_output

    figures = {}
    order = tables.get("cumulative")
    if order is not None and compared[0] is not None:
        years = merged.after.loc[merged.after["study"].isin(merged.added), "year"]
        first = None if years.empty else int(years.astype("int64").min())
        figures["cumulative"] = cumulative_figure(order, compared[0], compared[1], first)
    page = update_markdown(
        source, told, moves, order, tables.get("expected"), tables.get("expected_histology")
    )
    write_output(Output(tables, figures, {"update.md": page}), out)
    inputs = [asked.new] if asked.review is None else [asked.new, asked.review]
    if asked.review is None:
        from models.common.constants import DATA_DIR

        inputs += [DATA_DIR / "arms.csv", DATA_DIR / "outcomes.csv"]
    record = {
        "review": source,
        "inputs": {path.name: sha256(path) for path in inputs},
        "by": asked.by or "treatment",
        "added": merged.added,
        "replaced": merged.replaced,
        "duplicates": merged.duplicates,
        "notes": merged.notes,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }
    write_json(out / "record.json", record)


def _content(
    merged: "Merged", tables: "dict[str, pd.DataFrame]", told: list[str]
) -> dict[str, Any]:
    """Return every number as JSON takes it; what does not exist is null."""
    content: dict[str, Any] = {
        "added": merged.added,
        "replaced": merged.replaced,
        "duplicates": merged.duplicates,
        "sentences": told,
    }
    for name, table in tables.items():
        if name != "review":
            values = table.astype(object).where(table.notna(), None)
            content[name] = values.to_dict("records")
    return content


def _show(told: list[str], moves: "pd.DataFrame", tables: "dict[str, pd.DataFrame]") -> None:
    from rich.console import Console

    from models.analyses.update.pages import cumulative_frame, expected_frame
    from models.interface.next_trial import print_frame
    from models.render.escape import terminal

    out = Console(highlight=False)
    for sentence in told:
        out.print(terminal(sentence))
    print_frame(out, "What moved", moves)
    for name, title, form in (
        ("cumulative", "In the order in which the evidence came", cumulative_frame),
        ("expected", "Arms that would most likely change a conclusion", expected_frame),
        ("expected_histology", "The same at equal histology", expected_frame),
    ):
        if name in tables:
            print_frame(out, title, form(tables[name]))
