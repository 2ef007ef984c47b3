"""What cannot be started, read or gone on with: for the one line that the command line prints."""


class CannotServe(Exception):
    """What the options ask for and this machine does not give; the text names the option and the way out."""


class InvalidState(ValueError):
    """A state file that cannot be gone on with; the text names the file and the reason in one line."""


class InvalidFixture(ValueError):
    """A fixture file that describes no possible cloud; the text names the place and what is expected."""


def reason_of(error: OSError) -> str:
    """Return why a file or folder cannot be used, in words."""
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case IsADirectoryError():
            return "it is a folder, not a file"
        case PermissionError():
            return "it may not be used by this user"
    return error.strerror or str(error)
