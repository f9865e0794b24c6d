"""The main job: every fit, table and figure of the project, in order, with one progress bar."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from models.analyses.case_mix.run import case_mix_outputs
from models.analyses.case_mix.run import number_of_fits as number_of_case_mix_fits
from models.analyses.checks.run import check_outputs
from models.analyses.checks.run import number_of_fits as number_of_check_fits
from models.analyses.groups.claims import paper_claims
from models.analyses.groups.run import GroupResults, number_of_fits, run_groups, write_groups
from models.analyses.paper.page import unexpected, write_comparison
from models.analyses.paper.recompute import agreement_counts, compare_published
from models.analyses.pools.run import PoolSpec, fit_pools, pool_specs, study_rates
from models.analyses.pools.tables import pools_frame, pools_markdown
from models.analyses.pools.validation import PoolRow, validation_table
from models.analyses.subtypes.run import number_of_fits as number_of_subtype_fits
from models.analyses.subtypes.run import subtype_outputs
from models.common.constants import DATA_DIR, FIGURES_DIR, PROJECT_ROOT
from models.common.files import write_csv, write_text
from models.evidence.load import Evidence, load_evidence
from models.fitting.fit import Fit, SamplerSettings
from models.fitting.gate_table import diagnostics_markdown, gate_row, saved_gate_row
from models.fitting.rank_plot import rank_plot
from models.fitting.records import SavedFit, save_fit
from models.fitting.sampler import Sampler
from models.fitting.saved_fits import SavedFits
from models.interface.job_figures import write_group_figures, write_pool_figures
from models.priors import DEFAULT_PRIORS
from models.render.citations import Citations, read_tables
from models.render.format import latex, probability
from models.render.style import save_png
from models.report.facts import write_facts
from models.report.paper import discussion_markdown, write_discussion
from models.report.readme import update_readme

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


@dataclass
class Job:
    """One run of the main job.

    Attributes
    ----------
    out
        Folder of the results.
    seed, draws
        Sampler settings.
    quick
        Leave out the smaller pools.
    """

    out: Path
    seed: int
    draws: int
    quick: bool = False
    problems: list[str] = field(default_factory=list)
    gates: list[dict[str, object]] = field(default_factory=list)

    def run(self, console: "Console") -> list[str]:
        """Run every part and return what went wrong, in words; empty if nothing did."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        evidence = load_evidence()
        specs = pool_specs(evidence, overall_only=self.quick)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            self._progress = progress
            self._task: TaskID = progress.add_task(
                "fits", total=len(specs) + (0 if self.quick else _further_fits())
            )
            self._comparison(evidence, console)
            sampler = Sampler(SamplerSettings(draws=self.draws, seed=self.seed))
            rows = fit_pools(specs, sampler, DEFAULT_PRIORS, self._keep_pool)
            self._pools(rows, console)
            self._groups(evidence, sampler, rows, console)
            if not self.quick:
                subtype_outputs(evidence, sampler, DEFAULT_PRIORS, self.keep, self.out)
                case_mix_outputs(evidence, sampler, DEFAULT_PRIORS, self.keep, self.out)
                saved = self.out / "fits"
                checks = check_outputs(
                    evidence, sampler, DEFAULT_PRIORS, self.keep, saved, self.out
                )
                self.problems += checks.failed
            self._diagnostics(console)
        write_facts(self.out / "tables", sampler.settings, DEFAULT_PRIORS)
        if not self.quick:
            write_paper_discussion(self.out, self.out)
            if self.out.resolve() == FIGURES_DIR:
                update_readme(PROJECT_ROOT / "README.md", self.out / "tables")
        return self.problems

    def keep(self, name: str, description: str, fit: Fit) -> None:
        """Save a fit with its record and rank plot, and note its verdict."""
        save_fit(fit, self.out / "fits", name, sorted(DATA_DIR.glob("*.csv")))
        save_png(rank_plot(fit.tree, name), self.out / "diagnostics" / f"ranks_{name}", dpi=110)
        self.gates.append(gate_row(name, description, fit))
        if not fit.gate.passed:
            self.problems.append(f"{name} ({description}) did not pass the gate")
        self._progress.advance(self._task)

    def _keep_pool(self, spec: PoolSpec, fit: Fit) -> None:
        self.keep(f"pool_{spec.pool_id}", f"{spec.outcome}, {spec.label}", fit)

    def _comparison(self, evidence: Evidence, console: "Console") -> None:
        comparison = compare_published(evidence)
        write_comparison(comparison, self.out)
        counts = agreement_counts(comparison)
        for basis, row in counts.iterrows():
            words = str(basis).replace("_", " ")
            console.print(f"published values, {words}: {row['agrees']} of {row['total']} agree")
        if changed := unexpected(comparison):
            self.problems.append(f"new disagreements with the paper: {', '.join(changed)}")

    def _pools(self, rows: list[PoolRow], console: "Console") -> None:
        table = validation_table(rows)
        tables = self.out / "tables"
        write_csv(table, tables / "pools.csv")
        write_text(tables / "pools.md", pools_markdown(table))
        write_text(tables / "pools.tex", latex(pools_frame(table), "Published pools."))
        for row in rows:
            if row.label == "overall":
                write_csv(study_rates(row), tables / f"study_rates_{row.outcome}.csv")
        if not self.quick:
            write_pool_figures(rows, table, self.out)
        for failed in table[table["verdict"] == "fails"].itertuples():
            self.problems.append(f"{failed.id} ({failed.label}): {failed.reason}")
        console.print(_summary(table))

    def _groups(
        self, evidence: Evidence, sampler: Sampler, rows: list[PoolRow], console: "Console"
    ) -> GroupResults | None:
        if self.quick:
            return None
        results = run_groups(evidence, sampler, DEFAULT_PRIORS, self.keep)
        claims = judge_claims(evidence, results, rows)
        write_groups(results, claims, self.out)
        write_group_figures(results, rows, self.out)
        for claim in claims.itertuples():
            if not pd.isna(claim.probability):
                p = probability(claim.probability)
                console.print(f"claim {claim.claim_id}: {claim.claim}: {claim.verdict} (P {p})")
        return results

    def _diagnostics(self, console: "Console") -> None:
        table = pd.DataFrame(self.gates)
        write_csv(table, self.out / "tables" / "diagnostics.csv")
        write_text(self.out / "tables" / "diagnostics.md", diagnostics_markdown(table))
        passed = int((table["gate"] == "passed").sum())
        console.print(
            f"gate: {passed} of {len(table)} fits passed "
            f"(worst R-hat {table['rhat_max'].max():.4f}, least ESS "
            f"{table[['ess_bulk_min', 'ess_tail_min']].min().min():.0f}, "
            f"{table['divergences'].sum()} divergences, "
            f"{int((table['escalations'] > 0).sum())} refitted)"
        )


def _further_fits() -> int:
    """Return how many fits there are beside the pools."""
    return (
        number_of_fits()
        + number_of_subtype_fits()
        + number_of_case_mix_fits()
        + number_of_check_fits()
    )


def write_paper_discussion(tables: Path, out: Path) -> list[Path]:
    """Write the paragraphs on the paper's data from the tables of a finished run."""
    cite = Citations(read_tables(tables / "tables"))
    text = discussion_markdown(cite)
    return write_discussion(text, cite, out)


def discussion_from_fits(fits: Path, out: Path) -> list[Path]:
    """Form the tables anew from the saved fits of the main job, and write the paragraphs.

    Parameters
    ----------
    fits
        Folder of the saved fits.
    out
        Folder to write to; the tables that the text cites go to ``out/tables``.

    Raises
    ------
    models.common.errors.InputError
        If a fit is missing or stale.
    """
    evidence = load_evidence()
    saved = SavedFits(fits)
    gates: list[dict[str, object]] = []

    def keep(name: str, description: str, fit: SavedFit) -> None:
        gates.append(saved_gate_row(name, description, fit))

    specs = pool_specs(evidence)
    rows = fit_pools(
        specs,
        saved,
        DEFAULT_PRIORS,
        lambda spec, fit: keep(f"pool_{spec.pool_id}", f"{spec.outcome}, {spec.label}", fit),
    )
    results = run_groups(evidence, saved, DEFAULT_PRIORS, keep)
    write_groups(results, judge_claims(evidence, results, rows), out)
    subtype_outputs(evidence, saved, DEFAULT_PRIORS, keep, out)
    case_mix_outputs(evidence, saved, DEFAULT_PRIORS, keep, out)
    check_outputs(evidence, saved, DEFAULT_PRIORS, keep, fits, out)
    write_csv(validation_table(rows), out / "tables" / "pools.csv")
    write_csv(pd.DataFrame(gates), out / "tables" / "diagnostics.csv")
    write_facts(out / "tables", saved.settings, DEFAULT_PRIORS)
    return write_paper_discussion(out, out)


def judge_claims(evidence: Evidence, results: GroupResults, rows: list[PoolRow]) -> pd.DataFrame:
    """Set the paper's conclusions against the posteriors."""
    overall = {row.outcome: row.bayes for row in rows if row.label == "overall"}
    values = evidence.published_values
    printed = {
        row.outcome: f"{row.printed_estimate} ({row.printed_lower}-{row.printed_upper})"
        for row in values[values["subgroup"] == "overall"].itertuples()
    }
    return paper_claims(results.analyses, results.unpooled, overall, printed)


def _summary(table: pd.DataFrame) -> object:
    """Return the summary table for the terminal."""
    from rich.table import Table

    from models.render.format import rate

    view = Table(box=None, pad_edge=False, title="Published pools", title_justify="left")
    for heading in ("", "pool", "k", "Freeman-Tukey", "typical rate (Bayes)", "verdict"):
        view.add_column(heading, justify="right" if heading == "k" else "left")
    for row in table.itertuples():
        view.add_row(
            row.outcome.upper(),
            row.label,
            str(row.k),
            rate(row.ft_estimate, row.ft_lower, row.ft_upper, 2),
            rate(row.typical_median, row.typical_lower, row.typical_upper, 2),
            row.verdict,
        )
    return view
