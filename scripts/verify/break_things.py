"""Break what can break, and see that nothing is lost: all tests of reliability, some ten minutes.

Kills at every point of writing, files damaged at random, hostile labels, signals at every stage,
full disks, two runs into one folder. Exits with 1 if one fails.
"""

from models.interface.cli import fail, run

from cyclopts import App

app = App(help=__doc__, version_flags=[])


@app.default
def break_things() -> None:
    """Run the tests and store the counts for checks.md."""
    from models.validation.reliability import RECORD, break_things

    counts = break_things()
    for name, tried in counts.items():
        examples = f", {tried.examples:,} made-up inputs" if tried.examples else ""
        print(f"{name.replace('_', ' ')}: {tried.tests} tests, {tried.failed} failed{examples}")
    print(f"stored: {RECORD}")
    failed = sum(tried.failed for tried in counts.values())
    if failed:
        fail(f"{failed} tests of reliability failed", 1)


if __name__ == "__main__":
    run(app)
