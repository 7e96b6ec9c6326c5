"""What reports read. Nothing here writes."""
