"""The data plane: serves requests from snapshots, without asking the control plane."""
