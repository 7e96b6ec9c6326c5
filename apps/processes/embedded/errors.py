"""What can go wrong with an embedded server, in words for the person at the terminal."""


class EmbeddedError(Exception):
    """An embedded server could not be started; the message says why and what to do."""


class AlreadyRunning(EmbeddedError):
    """Another process runs the servers of this directory."""
