"""Control plane: snapshots as values, routing and plans."""
