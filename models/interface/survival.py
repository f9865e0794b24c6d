"""The command on survival end points: rates and medians in, pools out."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.common.errors import InputError
from models.interface.options import check_outputs
from models.priors import Priors

if TYPE_CHECKING:
    from models.analyses.survival.pool import Scale
    from models.analyses.survival.report import EndPoint

SHAPES: Final = (0.1, 10.0)
"""Least and largest shape of a Weibull distribution."""


def survival(
    rates: Path | None,
    medians: Path | None,
    scale: "Scale",
    shape: float,
    priors: Priors,
    json: Path | None,
) -> None:
    """Pool survival end points; parameters as in ``scripts/survival.py``."""
    check_outputs(json, inputs=[rates, medians])
    if not SHAPES[0] <= shape <= SHAPES[1]:
        raise InputError(f"--shape must lie between {SHAPES[0]:g} and {SHAPES[1]:g}, got {shape:g}")

    from models.analyses.survival.report import (
        median_end_points,
        paper_end_points,
        rate_end_points,
        read_medians,
        read_rates,
    )
    from models.common.files import write_json

    found: list[EndPoint] = []
    if rates is None and medians is None:
        from models.evidence.load import load_evidence

        found = paper_end_points(load_evidence(), scale, shape, priors)
    if rates is not None:
        found += rate_end_points(read_rates(rates), scale, priors)
    if medians is not None:
        found += median_end_points(read_medians(medians), shape, priors)
    if json is not None:
        write_json(json, [end_point.as_dict() for end_point in found])
    _show(found)


def _show(found: "list[EndPoint]") -> None:
    from rich.console import Console

    from models.analyses.survival.report import end_point_frame
    from models.interface.next_trial import print_frame
    from models.render.escape import terminal

    out = Console(highlight=False)
    for end_point in found:
        pool = end_point.pool
        words = f"{end_point.name}: {pool.k} studies"
        if pool.patients is not None:
            words += f", {pool.patients} patients where stated"
        if pool.i2 is not None:
            words += f", I2 {pool.i2:.1f} %"
        print_frame(out, words, end_point_frame(end_point))
        if end_point.printed is not None:
            low, high = end_point.printed["lower"], end_point.printed["upper"]
            printed = f"{end_point.printed['estimate']:g} ({low:g} to {high:g})"
            out.print(terminal(f"the paper: {printed}; {end_point.verdict}"))
