"""The report of the re-analysis: ten sections from the tables, pages and figures of a run."""

import hashlib
import re

import pandas as pd
from markupsafe import Markup

from models.common.constants import DATA_DIR, PROJECT_ROOT
from models.common.sources import sha256
from models.render.html import Page, Section, copied, csv, opened, prose, table
from models.render.templates import page, render
from models.report import report_histology, report_rates, report_treatments
from models.report.index import PARTS, shows
from models.report.material import Material
from models.report.paper import NAMES

TITLE = "Immune checkpoint inhibitors in soft tissue sarcoma: a Bayesian re-analysis"
LONGEST = 120
"""Rows of a table that is shown in the page; longer ones can be saved from it."""
MANUSCRIPT = "discussion.md"


def report_html(material: Material) -> str:
    """Return the report as one HTML file."""
    sections = [
        Section("minute", "In one minute", _minute(material)),
        Section("rates", "Response, disease control, toxicity", report_rates.rates(material)),
        Section("claims", "Conclusions of the paper", report_treatments.claims(material)),
        Section("treatments", "Treatments", report_treatments.treatments(material)),
        Section("histology", "Histology", report_histology.histology(material)),
        Section("paper", "The paper, checked", report_histology.paper(material)),
        Section("trust", "Can I trust it?", _trust(material)),
        Section("text", "Text for your paper", _text(material)),
        Section("tables", "All tables", _tables(material)),
        Section("methods", "Methods, glossary, versions", _methods(material)),
    ]
    return Page(TITLE, page("report/lead.md"), sections, _facts(material)).html()


def _minute(material: Material) -> Markup:
    words = render("report", "minute.html.j2", **material.cite.functions(), **NAMES)
    return Markup(words)


def _trust(material: Material) -> Markup:
    pictures = material.drawn(
        "checks/loo_influence",
        "pools/agreement",
        "checks/predictive_prior",
        "validation/small_subtypes/simulation",
    )
    return Markup("").join(
        (
            material.told("checks/checks", 2),
            opened("Figures: influence, agreement, priors, simulation", pictures),
            opened("How every fit met its convergence criteria", material.told("run/diagnostics")),
        )
    )


def _text(material: Material) -> Markup:
    """Return the manuscript's sections, each with its button."""
    _, _, text = material.pages[MANUSCRIPT.removesuffix(".md")].partition("\n")
    # headings of groups of sections would stand among those of the page
    parts = re.sub(r"(?m)^# .*\n", "", text).split("\n## ")
    shown = [prose(parts[0])]
    for number, part in enumerate(parts[1:], start=1):
        heading, _, body = part.partition("\n")
        shown.append(Markup("<h3>{}</h3>").format(heading))
        shown.append(copied(f"copied-{number}", prose(body, 1)))
    return Markup("").join(shown)


def _tables(material: Material) -> Markup:
    """Return every table, by folder, those of the stored simulations too."""
    by_folder: dict[str, list[Markup]] = {}
    for name, place in material.places.items():
        folder = place.rpartition("/")[0]
        frame, told = material.tables[name], shows(place) or name
        size = f"{len(frame):,} rows, {frame.shape[1]} columns"
        summary = Markup("<strong>{}</strong>: {} ({})").format(name, told, size)
        body = csv(frame, name)
        if len(frame) <= LONGEST:
            body += table(frame, f"{name}: {told}")
        by_folder.setdefault(folder, []).append(opened(summary, body))
    groups = (
        Markup("<h3>{}</h3>{}").format(PARTS.get(folder, folder), Markup("").join(tables))
        for folder, tables in by_folder.items()
    )
    return Markup('{}<div class="tables" data-filter="">{}</div>').format(
        prose(page("report/tables_note.md", longest=LONGEST)), Markup("").join(groups)
    )


def _methods(material: Material) -> Markup:
    subtypes = material.evidence.subtypes[["subtype", "full_name"]]
    names = [
        (short, name)
        for short, name in subtypes.itertuples(index=False, name=None)
        if short != name
    ]
    return Markup("").join(
        (
            prose(page("report/method_notes.md")),
            Markup("<h3>Glossary</h3>"),
            prose(page("report/glossary.md", subtypes=names)),
            Markup("<h3>Versions</h3>"),
            table(material.tables["software"], "Software of the run"),
            Markup("<h3>Data</h3>"),
            table(_checksums(), "SHA-256 of the data files"),
            Markup("<h3>How to cite</h3>"),
            copied("citation", Markup("<pre>{}</pre>").format(_citation())),
        )
    )


def _checksums() -> pd.DataFrame:
    files = sorted(DATA_DIR.glob("*.csv"))
    return pd.DataFrame({"file": [p.name for p in files], "sha256": [sha256(p) for p in files]})


def _citation() -> str:
    return (PROJECT_ROOT / "CITATION.cff").read_text(encoding="utf-8").strip()


def _facts(material: Material) -> dict[str, str]:
    """Return what the foot of the page says: numbers of checks, data, versions."""
    data = hashlib.sha256("".join(_checksums()["sha256"]).encode()).hexdigest()
    software = dict(material.tables["software"].iloc[:, :2].itertuples(index=False, name=None))
    verdicts = material.tables["checks"]["verdict"].value_counts()
    return {
        "Checks": ", ".join(f"{number} {word}" for word, number in verdicts.items()),
        "Data": f"sha256 {data[:16]} over {len(_checksums())} files",
        "Versions": ", ".join(f"{name} {version}" for name, version in software.items()),
    }
