"""Fuzzers of the HTTP/2 core; README.md says how they are used."""
