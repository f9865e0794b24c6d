"""The generated part of the README: headline table and findings, taken from the tables."""

from pathlib import Path

from models.common.files import write_text
from models.render.citations import Citations, read_tables
from models.render.format import markdown

START, END = "<!-- headline: generated -->", "<!-- headline: end -->"
ROWS = (
    ("P001", "Objective response, all arms"),
    ("P004", "Objective response, ICI monotherapy"),
    ("P006", "Objective response, dual checkpoint inhibitors"),
    ("P007", "Objective response, ICI + TKI"),
    ("P009", "Objective response, ICI + chemotherapy"),
    ("P011", "Objective response, ICI + immunomodulator"),
    ("P002", "Disease control, all arms"),
    ("P003", "Grade 3-5 treatment-related adverse events, all arms"),
)
CLAIMS = ("C01", "C02", "C03", "C08", "C09", "C11")


def headline(cite: Citations) -> str:
    """Return the headline block: published pools beside the posterior, and the claims."""

    def triple(prefix: str, middle: str, key: str) -> str:
        parts = (middle, f"{prefix}_lower", f"{prefix}_upper")
        a, b, c = (cite.number("pools", part, 1, 100.0, id=key) for part in parts)
        return f"{a} ({b}-{c})"

    pools = [
        (
            label,
            cite.number("pools", "k", id=key),
            f"{cite.number('pools', 'events', id=key)}/{cite.number('pools', 'total', id=key)}",
            triple("ft", "ft_estimate", key),
            triple("typical", "typical_median", key),
            triple("average", "average_median", key),
        )
        for key, label in ROWS
    ]
    claims = []
    for claim in CLAIMS:
        key = {"claim_id": claim}
        claims.append(
            (
                cite.words("claims", "claim", **key),
                cite.chance("claims", "probability", **key),
                cite.chance("claims", "probability_unpooled", **key),
                cite.words("claims", "verdict", **key),
            )
        )
    return "\n".join(
        [
            START,
            "",
            "Rates in per cent with 95 % intervals. *Typical*: rate of the median study, "
            "*average*: mean rate over studies; each row is a fit of its own "
            "([all pools](figures/tables/pools.md)).",
            "",
            markdown(
                ["pool", "k", "events/total", "published pool, recomputed", "typical", "average"],
                pools,
            ),
            "",
            "What the posterior says of the paper's conclusions (partially pooled groups; "
            "[all claims](figures/tables/claims.md)). Apart from two trials, the arms compared "
            "are not randomised against each other. How far groups are assumed to resemble each "
            "other matters: the second probability lets no group learn from another's mean. The "
            "published test between treatment groups has "
            f"p = {cite.number('published_comparison', 'p', 3, id='P012')}.",
            "",
            markdown(
                ["claim", "posterior probability", "with unpooled group means", "in words"],
                claims,
            ),
            "",
            END,
        ]
    )


def with_headline(readme: str, tables: Path) -> str:
    """Return the README with its generated block made anew from the tables."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return before + headline(Citations(read_tables(tables))) + after


def update_readme(path: Path, tables: Path) -> None:
    """Rewrite the generated block of the README in place."""
    text = path.read_text(encoding="utf-8")
    if START in text and END in text:
        write_text(path, with_headline(text, tables))
