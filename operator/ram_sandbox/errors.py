"""The one error that the sandbox shows to people. Raised by every module here, printed by ``__main__`` and the demo."""


class SandboxError(Exception):
    """Something a person must know: the text says what went wrong and what to do, without a traceback."""
