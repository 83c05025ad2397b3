"""The operator: gathers resources, compiles them, publishes snapshots and says in status what became of them."""
