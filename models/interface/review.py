"""A review of one's own in Python: read, pool, contrast, forest, text, each in a line.

>>> from models import review
>>> studies = review.read("data/examples/debruin2009.csv")
>>> result = review.pool(studies, event="suppressed viral load")
>>> float(round(result.bayes["typical_median"], 2))
0.47
>>> pairs = review.contrast(studies, by="ethnicity")
>>> pairs[["a", "b"]].to_numpy().tolist()
[['caucasian', 'other']]
>>> figure = review.forest(studies)
>>> print(review.text(studies).splitlines()[0])
# studies
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.analyses.review.run import analyse_review
from models.analyses.review.settings import Settings, parse_priors
from models.analyses.review.summary import ReviewResult
from models.common.errors import InputError
from models.interface.reading import Reading

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Shown(ReviewResult):
    """A result that a notebook shows as tables."""

    def _repr_html_(self) -> str:
        """Return the answer, the cautions and the first tables."""
        from models.analyses.review.pages import html

        return html(self)


def read(path: str | Path, **options: Any) -> "pd.DataFrame":
    """Read a review from CSV, Excel or Stata.

    Parameters
    ----------
    path
        The file.
    options
        As `models.interface.reading.Reading`: ``where``, ``exclude``, ``study``, ``events``,
        ``total``, ``sheet``.

    Returns
    -------
    pandas.DataFrame
        ``study``, ``events``, ``total`` and every further column as text.

    Raises
    ------
    InputError
        Naming file, row, column and value.

    Examples
    --------
    >>> from models import review
    >>> studies = review.read("data/examples/debruin2009.csv", where=["scq>10"])
    >>> len(studies), int(studies["total"].sum())
    (8, 758)
    """
    return Reading(**options).read(Path(path))[0]


def studies(
    events: Sequence[int], total: Sequence[int], study: Sequence[object] | None = None
) -> "pd.DataFrame":
    """Return a review from counts: lists, arrays or series.

    Raises
    ------
    InputError
        If the counts cannot be.

    Examples
    --------
    >>> from models import review
    >>> review.studies([1, 4], [9, 12])["study"].tolist()
    ['1', '2']
    """
    import pandas as pd

    from models.numerics.counts import as_counts

    x, n = as_counts(list(events), list(total))
    labels = list(range(1, len(x) + 1)) if study is None else list(study)
    if len(labels) != len(x) or len(set(map(str, labels))) != len(x):
        raise InputError("study: a label for every study, each once")
    return pd.DataFrame(
        {"study": list(map(str, labels)), "events": x.astype(int), "total": n.astype(int)}
    )


def pool(
    frame: "pd.DataFrame",
    *,
    by: str | None = None,
    cluster: str | None = None,
    priors: Sequence[str] = (),
    **settings: Any,
) -> ReviewResult:
    """Pool a review by every estimator, with leave-one-out, prior sensitivity and cautions.

    Parameters
    ----------
    frame
        From `read` or `studies`.
    by
        Column of groups to compare.
    cluster
        Column whose rows of one value are correlated.
    priors
        Such as ``"tau=half-t(3,1)"`` (`models.analyses.review.settings.parse_priors`).
    settings
        As `models.analyses.review.settings.Settings`: ``level``, ``thresholds``, ``event``,
        ``direction``, ``margin``, ``predict``, ``draws``, ``seed``.

    Returns
    -------
    ReviewResult
        Shown in a notebook as tables; ``tables`` holds every number.

    Examples
    --------
    >>> from models import review
    >>> result = review.pool(review.studies([2, 4, 3], [20, 25, 30]), level=0.9)
    >>> result.tables["pools"]["estimator"].iloc[0]
    'Freeman-Tukey, DerSimonian-Laird'
    >>> bool(result.bayes["typical_lower"] < result.bayes["typical_median"])
    True
    """
    chosen = Settings(**parse_priors(priors), **settings)  # type: ignore[arg-type]
    result = analyse_review(frame, chosen, source="studies", by=by, cluster=cluster)
    return Shown(**{field.name: getattr(result, field.name) for field in fields(result)})


def contrast(frame: "pd.DataFrame", by: str, **settings: Any) -> "pd.DataFrame":
    """Compare groups of studies, every pair once; parameters as `pool`.

    Returns
    -------
    pandas.DataFrame
        See `models.analyses.review.groups.Groups`.

    Examples
    --------
    >>> from models import review
    >>> frame = review.studies([1, 2, 9, 8], [20, 20, 20, 20]).assign(drug=list("xxyy"))
    >>> bool(review.contrast(frame, by="drug")["p_higher"].iloc[0] > 0.9)
    True
    """
    return pool(frame, by=by, **settings).tables["contrasts"]


def forest(frame: "pd.DataFrame | ReviewResult", **settings: Any) -> "Figure":
    """Draw the forest plot of a review; parameters as `pool`.

    Examples
    --------
    >>> from models import review
    >>> figure = review.forest(review.studies([2, 4, 3], [20, 25, 30]))
    >>> round(figure.get_size_inches()[0], 2)
    np.float64(7.09)
    """
    from models.analyses.review.forest import review_forest

    return review_forest(_result(frame, settings))


def text(frame: "pd.DataFrame | ReviewResult", **settings: Any) -> str:
    """Return methods, results and tables in Markdown; parameters as `pool`.

    Examples
    --------
    >>> from models import review
    >>> words = review.text(review.studies([2, 4, 3], [20, 25, 30]), event="a relapse")
    >>> "9 of 75 patients with a relapse" in words
    True
    """
    from models.analyses.review.pages import text as written

    return written(_result(frame, settings))


def _result(frame: "pd.DataFrame | ReviewResult", settings: dict[str, Any]) -> ReviewResult:
    return frame if isinstance(frame, ReviewResult) else pool(frame, **settings)
