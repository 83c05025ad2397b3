"""What can be wrong with bytes that somebody else wrote."""


class WireError(Exception):
    """Bytes that are not taken; the message says what is wrong with them."""

    entry: str = ""
    """Key of the one entry at fault, such as route/NAMESPACE/NAME; empty where it is not one of them alone."""


class SnapshotInvalidError(WireError):
    """A snapshot, bundle or activation that is damaged, incomplete or not well-formed."""


class SignatureError(WireError):
    """Bytes that no trusted key vouches for."""


class ContractVersionError(WireError):
    """Bytes of a contract version that this release does not support."""

    def __init__(self, what: str, found: str, oldest: int, newest: int) -> None:
        """Say which version was found and which ones are supported."""
        supported = str(newest) if oldest == newest else f"{oldest} to {newest}"
        super().__init__(
            f"{what} has contract version {found!r}; this release supports {supported}: "
            "upgrade this side first, or write with an older release"
        )
        self.found = found
        self.supported = supported
