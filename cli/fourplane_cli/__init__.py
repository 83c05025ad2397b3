"""The command line: what people and pipelines do with resources, snapshots and a running node."""
