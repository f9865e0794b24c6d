"""The job: every part of the analysis in order, one loop, and only what has changed.

A part is its function ``run(evidence, fit, done) -> Output`` and the pages written from its tables.
What it made is remembered beside the fits with the keys of what it rests on: its code (found by
following names from ``run``, so models, priors and estimands are among it), the data, the settings
and the tables of the parts that it needs. A part whose keys are unchanged and whose files are there
is left alone; a killed run therefore goes on where it stopped, with the fits that it had saved.

pytask 0.6 was tried for this on the part ``paper``. It needs the files of a part named in advance:
of a folder of files it misses that one is gone or was edited. The code a part rests on still had to
be hashed here, its import costs 1.5 s of processor time a start, and what a part says beside its
files (gates, problems, typed tables for the next part) would need files of its own.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.common.constants import DATA_DIR, FIGURES_DIR, PROJECT_ROOT
from models.common.files import replacing, write_json, write_text
from models.common.sources import code_hash, sha256
from models.render.output import Output, write_output

if TYPE_CHECKING:
    from models.evidence.load import Evidence
    from models.fitting.fit import SamplerSettings
    from models.fitting.records import Recorder

MODELS_DIR: Final = PROJECT_ROOT / "models"
VALIDATION_DIR: Final = FIGURES_DIR / "validation"


@dataclass(frozen=True)
class Part:
    """A part of the analysis.

    Attributes
    ----------
    name
        Its folder in the results, and in ``models/analyses``.
    needs
        Parts whose tables it reads.
    stored
        Folders of stored results of long runs that it reports.
    """

    name: str
    needs: tuple[str, ...] = ()
    stored: tuple[Path, ...] = ()

    @property
    def module(self) -> str:
        """Where its ``run`` is."""
        return f"models.analyses.{self.name}.run"

    def run(self) -> Callable[..., Output]:
        """Return the function that computes it."""
        return import_module(self.module).run  # type: ignore[no-any-return]

    def pages(self) -> Callable[..., dict[str, str]]:
        """Return the function that writes its pages."""
        return import_module(f"models.analyses.{self.name}.pages").pages  # type: ignore[no-any-return]


PARTS: Final = (
    Part("paper"),
    Part("pools"),
    Part("groups", needs=("pools",)),
    Part("subtypes"),
    Part("case_mix"),
    Part("regression"),
    Part("outcomes"),
    Part("next_trial"),
    Part(
        "checks",
        needs=("pools", "groups", "subtypes", "case_mix"),
        stored=(VALIDATION_DIR / "calibration", VALIDATION_DIR / "reliability"),
    ),
)
"""In the order in which they are computed."""


@dataclass(frozen=True)
class Run:
    """What a run of the job uses.

    Attributes
    ----------
    out
        Folder of the results; each part has a folder of its name there.
    memory
        Where it is remembered what each part made.
    evidence
        The data.
    recorder
        Provides the fits, and knows how each passed its gate.
    settings
        Of the sampler.
    fresh
        Compute every part anew.
    figures
        Write figures; without them a part that is remembered is not computed for their sake.
    parts
        The parts to compute.
    report
        Called with a part's name, and whether it is computed or taken as it is.
    """

    out: Path
    memory: Path
    evidence: "Evidence"
    recorder: "Recorder"
    settings: "SamplerSettings"
    fresh: bool = False
    figures: bool = True
    parts: tuple[Part, ...] = PARTS
    report: Callable[[str, bool], None] = lambda name, computed: None


def run_job(run: Run) -> dict[str, Output]:
    """Compute every part that is not there as it would be computed, and write it.

    Returns
    -------
    dict
        The parts' outputs, figures left out, in order; ``problems`` say what went wrong.
    """
    done: dict[str, Output] = {}
    for part in run.parts:
        done[part.name] = _part(run, part, done)
    return done


def _part(run: Run, part: Part, done: Mapping[str, Output]) -> Output:
    key = _digest(
        {
            "code": code_hash(f"{part.module}:run"),
            "data": [sha256(path) for path in sorted(DATA_DIR.glob("*.csv"))],
            "stored": [sha256(path) for folder in part.stored for path in _files(folder)],
            "settings": asdict(run.settings),
            "needs": {name: tables_digest(done[name]) for name in part.needs},
        }
    )
    memory, folder = run.memory / part.name, run.out / part.name
    state = {} if run.fresh else _read_state(memory)
    known = state.get("key") == key
    computed = not known or (run.figures and not _all_there(folder, state["files"]))
    run.report(part.name, computed)
    if computed:
        before = len(run.recorder.rows)
        output = part.run()(run.evidence, run.recorder, done)
        if not run.figures:
            output.figures = {}
        state = {
            "key": key,
            "files": _digests(write_output(output, folder)),
            "problems": output.problems,
            "gates": run.recorder.rows[before:],
            "tables": list(output.tables),
        }
        _remember(memory, output, state)
    output = _recall(memory, state)
    if not computed:
        run.recorder.rows += state["gates"]
        if not run.figures:
            write_output(output, folder)
    _write_pages(part, output, memory, folder, state)
    return output


def write_texts(run: Run, done: Mapping[str, Output]) -> None:
    """Write what concerns the run as a whole, and the texts if a table or a sentence changed."""
    from models.render.citations import read_tables
    from models.report.run import run_record, texts

    record = run_record(run.recorder.rows, run.settings)
    write_output(record, run.out / "run")
    state = run.memory / "texts.json"
    key = _digest(
        {
            "code": code_hash("models.report.run:texts"),
            "templates": templates_digest(MODELS_DIR / "report"),
            "tables": [tables_digest(output) for output in (*done.values(), record)],
        }
    )
    found = {} if run.fresh else _read_json(state)
    if found.get("key") == key and _all_there(run.out, found["files"]):
        return
    pages, numbers = texts(read_tables(run.out))
    files = write_output(pages, run.out)
    files += write_output(numbers, run.out / "run")
    write_json(state, {"key": key, "files": _digests(files, run.out)})


def write_report(run: Run) -> None:
    """Write the legends of the figures and the report, from what the parts and texts wrote."""
    from models.report.captions import all_captions, captions_markdown
    from models.report.material import read_material
    from models.report.report import report_html

    material = read_material(run.out, run.evidence)
    captions = captions_markdown(all_captions(material.cite), material.figures)
    write_text(run.out / "captions.md", captions)
    write_text(run.out / "report.html", report_html(material))


def write_index(run: Run) -> None:
    """Write what the files of the results show."""
    from models.report.index import index_markdown, result_files

    write_text(run.out / "README.md", index_markdown(result_files(run.out)))


def _write_pages(
    part: Part, output: Output, memory: Path, folder: Path, state: dict[str, Any]
) -> None:
    """Write the pages of a part anew if their words or its tables have changed."""
    key = _digest(
        {
            "code": code_hash(f"models.analyses.{part.name}.pages:pages"),
            "templates": templates_digest(MODELS_DIR / "analyses" / part.name),
            "tables": tables_digest(output),
        }
    )
    if state.get("pages_key") != key or not _all_there(folder, state.get("pages", {})):
        output.pages = part.pages()(output.tables)
        files = write_output(Output(pages=output.pages), folder)
        state |= {"pages_key": key, "pages": _digests(files)}
        write_json(memory / "state.json", state)


def tables_digest(*outputs: Output) -> str:
    """Return the hash of the tables of parts."""
    return _digest(
        {
            name: hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()
            for output in outputs
            for name, frame in sorted(output.tables.items())
        }
    )


def templates_digest(folder: Path) -> str:
    """Return the hash of the templates in a folder."""
    return _digest({path.name: sha256(path) for path in sorted(folder.rglob("*.j2"))})


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".csv", ".json"))


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _all_there(folder: Path, files: Mapping[str, str]) -> bool:
    return bool(files) and all(
        (folder / name).is_file() and sha256(folder / name) == digest
        for name, digest in files.items()
    )


def _digests(files: Iterable[Path], folder: Path | None = None) -> dict[str, str]:
    """Return the hashes of files, by their place in a folder or by name."""
    return {str(p.relative_to(folder)) if folder else p.name: sha256(p) for p in files}


def _read_json(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing if it is not there or was cut."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_state(memory: Path) -> dict[str, Any]:
    """Return what a part made, if all of its tables are there."""
    state = _read_json(memory / "state.json")
    whole = all((memory / f"{name}.parquet").is_file() for name in state.get("tables", ()))
    return state if whole else {}


def _remember(memory: Path, output: Output, state: Mapping[str, Any]) -> None:
    """Keep a part's tables with their types, which CSV loses; the state goes last."""
    shutil.rmtree(memory, ignore_errors=True)
    for name, frame in output.tables.items():
        with replacing(memory / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)
    write_json(memory / "state.json", state)


def _recall(memory: Path, state: Mapping[str, Any]) -> Output:
    import pandas as pd

    names: Iterable[str] = state["tables"]
    tables = {name: pd.read_parquet(memory / f"{name}.parquet") for name in names}
    return Output(tables=tables, problems=list(state["problems"]))
