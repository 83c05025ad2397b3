"""Run the command line with a wall clock that is wrong, or as a release with a newer contract.

otherwise.py [--skew SECONDS] [--contract NUMBER] COMMAND ...
"""

import sys
import time


def main() -> None:
    """Do what comes first, then be `fourplane`."""
    options, arguments = {}, sys.argv[1:]
    while arguments[0].startswith("--"):
        options[arguments[0]], arguments = arguments[1], arguments[2:]
    skew_s, real = float(options.get("--skew", "0")), time.time
    time.time = lambda: real() + skew_s
    if "--contract" in options:
        be_newer(options["--contract"])
    sys.argv = ["fourplane", *arguments]
    from fourplane_cli.__main__ import main as fourplane

    fourplane()


def be_newer(contract: str) -> None:
    """Write a newer contract, and read all up to it."""
    from fourplane_wire import canonical

    canonical.CONTRACT_VERSION = contract
    canonical.NEWEST_SUPPORTED = int(contract)


if __name__ == "__main__":
    main()
