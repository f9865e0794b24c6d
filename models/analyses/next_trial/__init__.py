"""From the pool to the next trial: a prior for a new arm, what it is worth, and designs with it."""
