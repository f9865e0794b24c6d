"""Add new arms to the paper's review or your own, and say what they change."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

from models.interface.options import Folder, GroupPriors, Outcome

app = App(help=__doc__, version_flags=[])


@app.default
def update(
    new_arms: Path,
    *,
    review: Path | None = None,
    outcome: Outcome | None = None,
    by: str | None = None,
    reference: str | None = None,
    follow: str | None = None,
    replace: bool = False,
    new_groups: bool = False,
    priors: GroupPriors = GroupPriors(),
    json: Path | None = None,
    out: Folder = None,
) -> None:
    """Say which pool, contrast and claim moves by how much, exactly, without a sampler.

    The paper's data stay as they are: an update is a folder of its own (--out) with its record.

    Parameters
    ----------
    new_arms
        CSV with study, events, total, the column of the groups (treatment for the paper's review)
        and, for the order of evidence, year. Arms that are in the review already are recognised.
    review
        A review of your own, same columns; by default the paper's.
    outcome
        Outcome of the paper's review: orr (default), dcr or trae.
    by
        Column of the groups: treatment (default), line, or a column of your review.
    reference
        Group that the others are compared with: ICI monotherapy, or the first.
    follow
        Group whose probability to be above the reference is followed over the years.
    replace
        Let a later report (same label, other counts) take the earlier one's place.
    new_groups
        Let new arms open groups that the review does not have.
    json
        Write every number, unrounded, to this file.
    out
        Folder for tables, page, figure and record.
    """
    from models.interface import update as command

    asked = command.Update(new_arms, review, outcome, by, reference, follow, replace, new_groups)
    command.update(asked, priors.priors(), json, out)


if __name__ == "__main__":
    run(app)
