"""The errors a user may see."""


class InputError(ValueError):
    """A fault in data that a user can mend; the message names file, row, column and value."""


class GateError(RuntimeError):
    """A fit that failed the diagnostic gate after the whole recorded escalation."""
