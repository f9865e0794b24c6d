"""The recovered cells of Fig. 4 against the data and against the paper's text."""

import pandas as pd

from models.analyses.paper.cells import STATISTICS, RecoveredRow, is_number
from models.evidence.load import Evidence
from models.evidence.selector import parse
from models.frequentist.freeman_tukey import freeman_tukey_pool, printed


def recovered_cells(rows: list[RecoveredRow]) -> pd.DataFrame:
    """Return the recovered cells in the layout of ``subtype_treatment.csv``.

    Returns
    -------
    pandas.DataFrame
        85 rows: ``subtype``, ``treatment``, ``events``, ``total``, ``solutions``.
    """
    records = [
        {
            "subtype": row.subtype,
            "treatment": treatment,
            "events": events,
            "total": total,
            "solutions": len(row.solutions),
        }
        for row in rows
        for treatment, events, total in zip(row.treatments, row.events, row.patients, strict=True)
    ]
    return pd.DataFrame(records)


def cell_differences(rows: list[RecoveredRow], cells: pd.DataFrame) -> list[str]:
    """Compare the recovered cells with ``subtype_treatment.csv``.

    Parameters
    ----------
    rows
        From `recover_cells`.
    cells
        ``evidence.subtype_treatment``.

    Returns
    -------
    list of str
        One line a difference; empty if all agree.
    """
    columns = ["events", "total", "solutions"]

    def by_cell(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
        label = frame["subtype"] + " x " + frame["treatment"]
        counts = frame[columns].set_axis(label, axis=0).to_dict("index")
        return {str(cell): {str(k): int(v) for k, v in c.items()} for cell, c in counts.items()}

    ours, theirs = by_cell(recovered_cells(rows)), by_cell(cells)
    lines = [f"{cell}: a cell of the data that was not recovered" for cell in theirs.keys() - ours]
    lines += [f"{cell}: recovered, but not a cell of the data" for cell in ours.keys() - theirs]
    for cell in ours.keys() & theirs:
        lines += [
            f"{cell}, {name}: recovered {ours[cell][name]}, the data have {theirs[cell][name]}"
            for name in columns
            if ours[cell][name] != theirs[cell][name]
        ]
    return sorted(lines)


def text_checks(evidence: Evidence, rows: list[RecoveredRow]) -> pd.DataFrame:
    """Compare the subtype by treatment values of the paper's text with the recovered cells.

    They played no part in the recovery.

    Returns
    -------
    pandas.DataFrame
        One row a value of the text: ``id``, ``subtype``, ``treatment``, ``printed`` (as printed),
        ``recovered`` (events/total), ``agrees`` (every printed digit, from the exact interval).
    """
    cells = {
        (row.subtype, treatment): (events, total)
        for row in rows
        for treatment, events, total in zip(row.treatments, row.events, row.patients, strict=True)
    }
    values = evidence.published_values
    records = []
    for value in values[values["kind"] == "cell rate"].to_dict("records"):
        where = {f.column: f.allowed[0] for f in parse(str(value["selector"])).filters}
        key = (where["subtype"], where["treatment"])
        events, total = cells[key]
        pool = freeman_tukey_pool([events], [total])
        factor = 100 if value["unit"] == "percent" else 1
        texts = [str(value[f"printed_{name}"]) for name in STATISTICS[:3]]
        numbers = [factor * getattr(pool, name) for name in STATISTICS[:3]]
        compared = [
            printed(number, len(text.partition(".")[2])) == text
            for number, text in zip(numbers, texts, strict=True)
            if is_number(text)
        ]
        interval = f" ({texts[1]}-{texts[2]})" if is_number(texts[1]) else " %"
        records.append(
            {
                "id": str(value["id"]),
                "subtype": key[0],
                "treatment": key[1],
                "printed": texts[0] + interval,
                "recovered": f"{events}/{total}",
                "agrees": all(compared),
            }
        )
    return pd.DataFrame(records)
