"""Tables with fixed margins: bounds, starting tables, and the moves against enumeration."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from models.evidence.case_mix import paper_review
from models.evidence.load import load_evidence
from models.numerics.margins import InfeasibleTableError, IntArray, Lattice, enumerate_tables
from models.numerics.moves import find_moves, log_factorials
from models.priors import DEFAULT_PRIORS
from models.validation.calibration.case_mix import draw_parameters, simulate


def lattice_of(total: IntArray, table: IntArray) -> tuple[Lattice, IntArray]:
    """Return the tables with the margins of ``table``; cells without patients are absent."""
    row, column = np.nonzero(total)
    n = total[row, column]
    lattice = Lattice(
        row=row,
        column=column,
        lower=np.zeros_like(n),
        upper=n,
        row_sum=table.sum(axis=1),
        column_sum=table.sum(axis=0),
    )
    return lattice, n


DENSE = (
    np.array([[4, 3, 2], [2, 5, 1], [3, 2, 6]]),
    np.array([[2, 1, 0], [0, 3, 1], [1, 1, 3]]),
)
RING = (
    # only one cycle, of six cells: no two-by-two swap exists
    np.array([[3, 4, 0], [0, 2, 3], [5, 0, 4]]),
    np.array([[1, 2, 0], [0, 1, 2], [2, 0, 1]]),
)
EIGHT = (
    np.array([[3, 2, 0, 0], [0, 3, 3, 0], [0, 0, 2, 3], [4, 0, 0, 2], [2, 2, 0, 0]]),
    np.array([[1, 1, 0, 0], [0, 2, 1, 0], [0, 0, 1, 2], [2, 0, 0, 1], [1, 0, 0, 0]]),
)
CASES = {"dense": DENSE, "ring of six": RING, "ring of eight and a swap": EIGHT}


def by_brute_force(lattice: Lattice) -> set[tuple[int, ...]]:
    """Return all tables, by trying every count of every cell."""
    ranges = [range(a, b + 1) for a, b in zip(lattice.lower, lattice.upper, strict=True)]
    return {
        table for table in product(*ranges) if lattice.contains(np.array(table, dtype=np.int64))
    }


def small(lattice: Lattice) -> Lattice:
    """Return a smaller problem of the same pattern for brute force."""
    return Lattice(
        lattice.row,
        lattice.column,
        lattice.lower,
        np.minimum(lattice.upper, 3),
        lattice.row_sum,
        lattice.column_sum,
    )


@pytest.mark.parametrize("name", CASES)
def test_enumeration_bounds_and_free_cells_agree_with_brute_force(name: str) -> None:
    lattice = small(lattice_of(*CASES[name])[0])
    expected = by_brute_force(lattice)
    tables = enumerate_tables(lattice)
    assert {tuple(t) for t in tables.tolist()} == expected
    assert len(tables) == len(expected)
    least, most = lattice.ranges
    listed = np.array(sorted(expected))
    np.testing.assert_array_equal(least, listed.min(axis=0))
    np.testing.assert_array_equal(most, listed.max(axis=0))
    np.testing.assert_array_equal(lattice.free, np.ptp(listed, axis=0) > 0)


def run_moves(
    lattice: Lattice,
    n: IntArray,
    logit: np.ndarray,
    start: IntArray,
    draws: int,
    moves: int,
    seed: int = 20250107,
) -> IntArray:
    """Return tables, one every ``moves`` moves."""
    graph = find_moves(lattice)
    rng = np.random.default_rng(seed)
    table = start.copy()
    kept = np.empty((draws, n.size), dtype=np.int64)
    for i in range(draws):
        graph.make(table, n, logit, log_factorials(int(n.max())), moves, rng)
        kept[i] = table
    return kept


@pytest.mark.parametrize("name", CASES)
def test_moves_sample_the_enumerated_distribution(name: str) -> None:
    """Every table is reached, with its share of the product-binomial probability.

    Tables thinned by 60 moves are nearly independent, so that the chi-squared statistic of the
    counts (rare tables joined) has its textbook distribution; 1e-4 is the level of the test.
    """
    lattice, n = lattice_of(*CASES[name])
    logit = np.random.default_rng(1).normal(-0.5, 1.2, n.size)
    tables = enumerate_tables(lattice)
    log_p = stats.binom.logpmf(tables, n, expit(logit)).sum(axis=1)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    draws = 10_000
    kept = run_moves(lattice, n, logit, tables[np.argmin(p)], draws, 60)
    index = {tuple(table): i for i, table in enumerate(tables.tolist())}
    found = np.bincount([index[tuple(t)] for t in kept.tolist()], minlength=len(tables))
    rare = draws * p < 10
    expected = np.append(draws * p[~rare], draws * p[rare].sum())
    observed = np.append(found[~rare], found[rare].sum())
    keep = expected > 0
    result = stats.chisquare(observed[keep], expected[keep] * draws / expected[keep].sum())
    assert result.pvalue > 1e-4, result


def test_one_swap_draws_its_exact_conditional_distribution() -> None:
    """One heat-bath move on a two-by-two table, against the four binomials multiplied out.

    20 000 independent moves from one table; level 1e-4.
    """
    total, table = np.array([[9, 6], [7, 8]]), np.array([[5, 1], [2, 6]])
    lattice, n = lattice_of(total, table)
    logit = np.array([0.3, -0.8, -0.2, 0.9])
    draws = 20_000
    first = np.array(
        [run_moves(lattice, n, logit, table.ravel(), 1, 1, seed)[0, 0] for seed in range(draws)]
    )
    x = np.arange(n[0] + 1)
    cells = np.stack([x, 6 - x, 7 - x, x + 1])  # margins: rows 6 and 8, columns 7 and 7
    p = np.exp(stats.binom.logpmf(cells, n[:, None], expit(logit)[:, None]).sum(axis=0))
    p /= p.sum()
    counts = np.bincount(first, minlength=x.size)
    keep = draws * p > 5
    expected = draws * p[keep] / p[keep].sum() * (counts[keep].sum() / draws)
    assert stats.chisquare(counts[keep], expected).pvalue > 1e-4


def test_cells_that_share_row_and_column_move_too() -> None:
    """Two subtypes of one arm with only their common total known: a cycle of two cells."""
    lattice = Lattice(
        row=np.array([0, 0, 1, 1]),
        column=np.array([0, 0, 0, 1]),
        lower=np.zeros(4, dtype=np.int64),
        upper=np.array([3, 2, 4, 5]),
        row_sum=np.array([2, 3]),
        column_sum=np.array([4, 1]),
    )
    tables = enumerate_tables(lattice)
    assert {tuple(t) for t in tables.tolist()} == {(0, 2, 2, 1), (1, 1, 2, 1), (2, 0, 2, 1)}
    np.testing.assert_array_equal(lattice.free, [True, True, False, False])
    logit = np.array([1.1, 0.4, 0.0, 0.0])
    kept = run_moves(lattice, lattice.upper, logit, tables[0], 9000, 1)
    shares = np.bincount(kept[:, 0], minlength=3) / len(kept)
    # Fisher's noncentral hypergeometric: two responders among three and two patients. With one
    # cycle every move is an independent draw; four standard errors of a proportion
    expected = stats.nchypergeom_fisher(5, 3, 2, np.exp(1.1 - 0.4)).pmf([0, 1, 2])
    np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(0.25 / 9000))


def test_starting_tables_differ_and_have_the_margins() -> None:
    lattice, _ = lattice_of(*DENSE)
    rng = np.random.default_rng(5)
    starts = [lattice.random_table(rng) for _ in range(12)]
    assert all(lattice.contains(table) for table in starts)
    assert len({tuple(table) for table in starts}) > 3


def test_impossible_margins_are_refused() -> None:
    lattice, _ = lattice_of(*RING)
    impossible = Lattice(
        lattice.row,
        lattice.column,
        lattice.lower,
        lattice.upper,
        lattice.row_sum + np.array([5, 0, 0]),
        lattice.column_sum + np.array([0, 0, 5]),
    )
    with pytest.raises(InfeasibleTableError):
        impossible.extreme_table(np.zeros(lattice.row.size))


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0.0, 2.0])
def test_moves_keep_the_law_of_tables_of_the_papers_own_design(wrong: float) -> None:
    """Binomial tables, moved among those of their own margins, have the law that they had.

    80 simulated reviews with prior parameters, six iterations each. Cells differ from before by
    4.5 standard errors nowhere (the largest of some 180: a chance of about one in a thousand); with
    the logit of one cell off by 2 they do.
    """
    review = paper_review(load_evidence())
    cells, total = review.cells, np.asarray(review.total, dtype=np.int64)
    factorials = log_factorials(int(total.max()))
    subtype, treatment = (cells[c].cat.codes.to_numpy() for c in ("subtype", "treatment"))
    # of one cell: what all cells of a subtype share does not matter, given the margins
    off = wrong * ((cells["subtype"] == "LMS") & (cells["arm"] == "Gordon 2023")).to_numpy()
    differences = []
    for number in range(80):
        rng = np.random.default_rng([31, number])
        drawn = draw_parameters(review, DEFAULT_PRIORS, rng)
        simulated, table = simulate(review, drawn, rng)
        logit = (
            drawn["mu"]
            + drawn["sigma_subtype"] * drawn["subtype_effect"][subtype]
            + drawn["sigma_treatment"] * drawn["treatment_effect"][treatment]
            + drawn["tau"] * drawn["z"][review.arm_codes]
            + off
        )
        lattice, moved = simulated.lattice, np.array(table, dtype=np.int64)
        graph, tables = find_moves(lattice), []
        for _ in range(6):
            graph.make(moved, total, logit, factorials, 40 * int(lattice.free.sum()), rng)
            tables.append(moved.copy())
        differences.append(np.mean(tables, axis=0) - table)
    found = np.array(differences)
    spread = found.std(axis=0, ddof=1)
    z = found.mean(axis=0)[spread > 0] / spread[spread > 0] * len(found) ** 0.5
    assert z.size > 100
    assert (np.abs(z).max() < 4.5) == (wrong == 0)
