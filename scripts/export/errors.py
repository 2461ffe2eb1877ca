"""The error that every step raises when the user can do something about it."""


class ExportError(Exception):
    """A sentence for the user: what is wrong and with which file. The command prints it without a traceback."""
