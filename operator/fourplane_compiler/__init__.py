"""The compiler: resources of one runtime and the last good snapshot give a snapshot and diagnostics; pure."""
