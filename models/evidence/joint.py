"""The paper's arms with all their outcomes, as the joint model reads them."""

from typing import Final

import pandas as pd

from models.evidence.load import Evidence
from models.evidence.vocabulary import TREATMENTS
from models.reviews.joint import make_joint

COUNTED: Final = {"dcr": "controlled", "orr": "responders", "cr": "cr", "trae": "toxicity"}
"""From the outcome code to the count's name in the joint frame."""


def paper_joint(evidence: Evidence) -> pd.DataFrame:
    """Return the 38 arms: 35 report disease control, 20 grade 3-5 adverse events, all the rest.

    Patients evaluable for response are the same for disease control and complete response.
    """
    arms = evidence.outcome("orr")
    frame = pd.DataFrame(
        {
            "arm": arms["study"],
            "treatment": pd.Categorical(arms["treatment"], categories=list(TREATMENTS)),
            "total": arms["total"],
        }
    )
    for code, name in COUNTED.items():
        counts = evidence.outcome(code).set_index("arm_id")
        frame[name] = counts["events"].reindex(arms["arm_id"]).to_numpy()
        if code == "trae":
            frame["toxicity_total"] = counts["total"].reindex(arms["arm_id"]).to_numpy()
    return make_joint(frame, "the paper's outcomes")
