"""The wire contracts; generated code stands beside each `.proto`."""
