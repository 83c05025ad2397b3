"""The Open Inference Protocol as stock clients and engines speak it; generated code stands beside each `.proto`."""
