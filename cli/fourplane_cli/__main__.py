"""Runs as `python -m fourplane_cli`."""

from fourplane_cli.main import main

if __name__ == "__main__":
    main()
