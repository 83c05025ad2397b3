"""What the engine takes from the process's environment."""

import os
from collections.abc import Mapping
from pathlib import Path


def default_cache(variables: Mapping[str, str] = os.environ) -> Path:
    """Return the user's cache folder for this product."""
    base = variables.get("XDG_CACHE_HOME", "")
    # The specification of the variable says to ignore a relative one.
    folder = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return folder / "fourplane"


def inherited_variables() -> dict[str, str]:
    """Return the variables that child processes start from."""
    return dict(os.environ)
