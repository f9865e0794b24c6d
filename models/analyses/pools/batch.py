"""Many reviews pooled at once by the exact grid, streaming, resumable, over processes.

Input is a folder of CSV files, one review each (``study``, ``events``, ``total``; further columns
allowed), named by its file; or one Parquet file with the columns ``review``, ``study``, ``events``,
``total``, the rows of a review standing together. Output is one row a review in the order of the
input:

=============================  ==================================================================
``review``, ``k``              its name and number of studies
``events``, ``total``          sums over its studies
``mu_mean``, ``mu_sd``         logit of the typical rate
``tau_...``                    standard deviation between studies, logit scale
``typical_...``                typical rate ``expit(mu)``, the rate of the median study
``average_...``                average rate ``E expit(mu + tau z)`` over the population of studies
``new_study_...``              rate of a study yet to be done (predictive distribution)
``log_marginal_likelihood``    log probability of all counts under the model and its priors
``quadrature_error``           see `models.grid`; at most 1e-4 or the row has an ``error``
``error``                      what is wrong with the review; empty if nothing is
=============================  ==================================================================

where ``...`` is ``mean``, ``sd``, ``median``, ``lower`` and ``upper``: posterior mean, standard
deviation, median and 95 % equal-tailed interval. The model is that of `models.pooled`.

Finished chunks of reviews are kept in a folder beside the output, ``NAME.parts``, until every
review is pooled. A run that was interrupted, or repeated after a fault was mended, computes only
the chunks that it does not find there; chunks are known by their contents, so changed counts are
never taken for old. The folder is known by a file of its own, which the run holds locked: a folder
without it belongs to someone else and is neither used nor removed.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.errors import InputError, OutputError, one_line
from models.common.files import check_output, held, replacing, sweep
from models.common.parallel import LOCK_FILE, SETTINGS_FILE, run_stored
from models.common.sources import code_hash
from models.fitting.gate import Gate
from models.grid import fit_pooled
from models.priors import Priors
from models.render.escape import spreadsheet_frame
from models.reviews.batches import Review, count_reviews, read_reviews

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CHUNK: Final = 50
"""Reviews a task: about half a second's work, so that handing it out costs nothing."""
PARTS: Final = ("mean", "sd", "median", "lower", "upper")
SUMMARISED: Final = ("tau", "typical", "average", "new_study")
COUNTS: Final = ("k", "events", "total")
NUMBERS: Final = (
    *("mu_mean", "mu_sd"),
    *(f"{name}_{part}" for name in SUMMARISED for part in PARTS),
    *("log_marginal_likelihood", "quadrature_error"),
)
COLUMNS: Final = ("review", *COUNTS, *NUMBERS, "error")
FORMATS: Final = (".parquet", ".csv")
MARKER: Final = "pooled-reviews.lock"
"""File by which a folder of chunks is known; the run that writes to the folder holds it locked."""
_CHUNK_FILE: Final = re.compile(r"[0-9]{7}-[0-9a-f]{16}\.parquet")


@dataclass(frozen=True)
class BatchReport:
    """What a batch did.

    Attributes
    ----------
    reviews, failed
        Number of reviews, and of those with an error.
    example
        The first error.
    seconds
        Wall time.
    """

    reviews: int
    failed: int
    example: str
    seconds: float


def pool_review(review: Review, priors: Priors) -> dict[str, Any]:
    """Return the row of one review; what could not be computed is None.

    Parameters
    ----------
    review
        Counts, or the fault that reading them met.
    priors
        ``mu_mean``, ``mu_sd`` and ``tau_scale`` are used.
    """
    name = review.name.encode("utf-8", "backslashreplace").decode("utf-8")
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "review": name}
    if review.error is not None:
        return {**row, "error": one_line(review.error)}
    row |= {"k": len(review.events), "events": sum(review.events), "total": sum(review.total)}
    # whatever one review brings about, the others must not be lost by it
    try:
        return row | _estimates(review, priors)
    except Exception as error:
        text = f"{review.source}: {type(error).__name__}: {error}"
        return {**row, "error": one_line(text)}


def _estimates(review: Review, priors: Priors) -> dict[str, Any]:
    exact = fit_pooled(
        review.events,
        review.total,
        mu_mean=priors.mu_mean,
        mu_sd=priors.mu_sd,
        tau_scale=priors.tau_scale,
    )
    summaries = {
        "tau": exact.tau.summary(),
        "typical": exact.mu.rate_summary(),
        "average": exact.average_rate.summary(),
        "new_study": exact.new_study.rate_summary(),
    }
    row: dict[str, Any] = {"mu_mean": float(exact.mu.mean), "mu_sd": float(exact.mu.sd)}
    for name, summary in summaries.items():
        row |= {f"{name}_{part}": float(getattr(summary, part)) for part in PARTS}
    row["log_marginal_likelihood"] = exact.log_marginal_likelihood
    row["quadrature_error"] = exact.quadrature_error
    gate = Gate.of_quadrature(exact.quadrature_error)
    if not gate.passed:
        row["error"] = one_line(f"{review.source}: {gate.sentence()}")
    return row


def pool_chunk(reviews: tuple[Review, ...], priors: Priors) -> "pd.DataFrame":
    """Return the rows of some reviews, columns ``COLUMNS``."""
    import pandas as pd

    frame = pd.DataFrame([pool_review(review, priors) for review in reviews], columns=list(COLUMNS))
    types = dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(NUMBERS, "float64")
    return frame.astype({**types, "review": "string", "error": "string"})


def _tasks(
    source: Path, priors: Priors, order: list[tuple[str, int]]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield chunks named by position and contents; ``order`` collects names and sizes."""
    for number, reviews in enumerate(batched(read_reviews(source), CHUNK)):
        text = json.dumps([asdict(review) for review in reviews])
        name = f"{number:07}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        order.append((name, len(reviews)))
        yield name, (reviews, priors)


@contextmanager
def _parts(out: Path) -> Iterator[Path]:
    """Yield the folder of finished chunks beside a table, made if absent, for this run alone."""
    store = out.with_name(f"{out.name}.parts")
    marker = store / MARKER
    try:
        if not os.path.lexists(store):
            store.mkdir(parents=True)
            marker.touch()
        if store.is_symlink() or not marker.is_file():
            text = "is no folder of chunks that a batch left here; move it, or choose another --out"
            raise OutputError(one_line(f"{store}: {text}"))
        with held(marker):
            sweep(store)
            yield store
    except OSError as error:
        if str(error.filename) in (str(store), str(marker)):
            raise OutputError(one_line(f"{store}: {error.strerror}")) from error
        raise


def _remove(store: Path) -> None:
    """Remove the chunks of a folder, and the folder itself if nothing else is in it."""
    for path in store.iterdir():
        if path.name in (SETTINGS_FILE, LOCK_FILE) or _CHUNK_FILE.fullmatch(path.name):
            path.unlink()
    if [path.name for path in store.iterdir()] == [MARKER]:
        (store / MARKER).unlink()
        store.rmdir()


def run_batch(
    source: Path,
    out: Path,
    priors: Priors,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
) -> BatchReport:
    """Pool every review of a source and write the table.

    Parameters
    ----------
    source
        Folder of CSV files, or Parquet file (see the module).
    out
        Table to write, ``.parquet`` or ``.csv``; replaced in one step.
    priors
        Prior settings.
    scheduler
        Address of a dask scheduler; its workers need this package, not the files.
    workers
        Processes of this machine, without ``scheduler``; by default one a core.

    Raises
    ------
    models.common.errors.InputError
        If the source cannot be read as a whole, ``out`` has another ending, is an input or cannot
        be written, no scheduler answers, or the folder beside ``out`` holds chunks made with other
        priors or code, belongs to another run or is not ours. A fault in one review raises
        nothing: it is in the table.
    """
    started = time.perf_counter()
    if out.suffix not in FORMATS:
        raise InputError(f"--out {out}: the name must end in .parquet or .csv")
    check_output(out, [source], "--out")
    if workers is not None and workers < 1:
        raise InputError(f"--workers must be at least 1, got {workers}")
    total = count_reviews(source)
    settings = {
        "mu_mean": priors.mu_mean,
        "mu_sd": priors.mu_sd,
        "tau_scale": priors.tau_scale,
        "code_sha256": code_hash("models.analyses.pools.batch:pool_chunk"),
    }
    order: list[tuple[str, int]] = []

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("reviews", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        _parts(out) as store,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        bar = progress.add_task("reviews", total=total)

        def advance(name: str) -> None:
            number = int(name.split("-")[0])
            progress.advance(bar, order[number][1])

        run_stored(
            pool_chunk,
            _tasks(source, priors, order),
            store,
            settings,
            workers=min(workers or os.cpu_count() or 1, -(-total // CHUNK)),
            scheduler=scheduler,
            advance=advance,
        )
        read = sum(size for _, size in order)
        if read != total:
            text = f"{total} reviews were counted, {read} read; the source changed meanwhile"
            raise InputError(one_line(f"{source}: {text}"))
        report = _write(out, [store / f"{name}.parquet" for name, _ in order])
        if not report.failed:
            _remove(store)
    return replace(report, seconds=time.perf_counter() - started)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    types = {
        **dict.fromkeys(("review", "error"), pa.string()),
        **dict.fromkeys(COUNTS, pa.int64()),
        **dict.fromkeys(NUMBERS, pa.float64()),
    }
    return pa.schema([(name, types[name]) for name in COLUMNS])


def _write(out: Path, chunks: Iterable[Path]) -> BatchReport:
    """Join the stored chunks, one in memory at a time."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv, parquet

    schema = _schema()
    reviews = failed = 0
    example = ""
    writer = parquet.ParquetWriter if out.suffix == ".parquet" else csv.CSVWriter
    with replacing(out) as temporary, writer(temporary, schema) as stream:
        for chunk in chunks:
            frame = pd.read_parquet(chunk)
            faults = frame["error"].dropna()
            reviews, failed = reviews + len(frame), failed + len(faults)
            if not example and len(faults):
                example = str(faults.iloc[0])
            if out.suffix == ".csv":
                frame = spreadsheet_frame(frame)
            stream.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
    return BatchReport(reviews, failed, example, 0.0)
