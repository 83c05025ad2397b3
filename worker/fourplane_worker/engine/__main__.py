"""Install Triton and print the models' Python: `python -m fourplane_worker.engine`."""

import sys
from typing import TextIO

from fourplane_worker.engine import ProvisionError, default_cache, provision


def main() -> int:
    """Install if needed; the path goes to standard output, what happens to standard error."""
    try:
        install = provision(default_cache(), lambda line: _say(sys.stderr, line))
    except ProvisionError as error:
        _say(sys.stderr, f"error: {error}")
        return 1
    _say(sys.stdout, str(install.python))
    return 0


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
