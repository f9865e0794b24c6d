"""A worked example in Python: 13 trials of HIV treatment (de Bruin et al. 2009), step by step."""

from models.interface.cli import run

from pathlib import Path

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def example(*, out: Path = Path("figures-quick/example")) -> None:
    """Read a published review, pool it, compare groups, draw it and write it up.

    The counts are of data/examples/debruin2009.csv: patients of the control groups with an
    undetectable viral load. Read this file beside what it prints.

    Parameters
    ----------
    out
        Folder for the forest plot and the text.
    """
    from models import review
    from models.common.constants import DATA_DIR
    from models.common.files import write_text
    from models.interface.options import check_outputs
    from models.render.escape import say
    from models.render.style import save

    check_outputs(out=out)
    event = "an undetectable viral load"

    # the columns have metafor's names, xi and ni; author and year make the label
    studies = review.read(DATA_DIR / "examples" / "debruin2009.csv")
    print(f"{len(studies)} trials, {studies['events'].sum()} of {studies['total'].sum()} patients")

    # every estimator, exact posterior; an interval of another level or prior is one word more
    result = review.pool(studies, by="ethnicity", event=event, thresholds=(0.4,), predict=30)
    print(result.answer())
    pools = result.tables["pools"].set_index("estimator")
    for name in ("Freeman-Tukey, DerSimonian-Laird", "GLMM, maximum likelihood", "Bayes"):
        print(f"{name}: {pools.loc[name, 'typical_median']:.3f}")

    # does the answer hang on the prior of tau, or on one trial?
    wide = review.pool(studies, event=event, priors=["tau=half-cauchy(0.5)"])
    print(f"under a half-Cauchy prior of tau: {wide.bayes['typical_median']:.3f}")
    without = result.tables["leave_one_out"].set_index("left_out")["typical_median"]
    print(f"without any one trial: {without.min():.3f} to {without.max():.3f}")

    # the contrast, by groups that learn from each other and by groups that do not
    pair = result.tables["contrasts"].iloc[0]
    print(
        f"P({pair['a']} > {pair['b']}): {pair['p_higher']:.2f} partially pooled, "
        f"{pair['p_higher_unpooled']:.2f} unpooled"
    )

    written = save(review.forest(result), out / "forest")
    write_text(out / "review.md", review.text(result))
    say(f"written: {', '.join(map(str, [*written, out / 'review.md']))}")


if __name__ == "__main__":
    run(app)
