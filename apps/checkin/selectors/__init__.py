"""Reading check-ins: what the hot path asks, who waits, devices, attempts, challenges."""
