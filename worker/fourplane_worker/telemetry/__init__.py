"""What a worker reports: metrics, spans and logs."""
