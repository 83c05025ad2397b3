"""The state folder: what survives a restart, verified whenever it is read."""
