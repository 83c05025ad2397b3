"""What a RuntimeDeployment makes in a cluster: pure functions from the resource to manifests."""
