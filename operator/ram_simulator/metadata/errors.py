"""How the metadata service refuses: with a status, or with no answer at all."""


class OutOfReach(Exception):
    """A request whose answer does not get as far as its caller."""


class MetadataError(Exception):
    """An answer other than 200; clients look at the status only."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
