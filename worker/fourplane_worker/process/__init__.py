"""The processes of a worker: one that watches and distributes, and those that serve."""
