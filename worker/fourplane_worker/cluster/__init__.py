"""The worker in a cluster: follows its activation into the state folder, finds engines, and reports."""
