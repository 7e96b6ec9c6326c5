"""What cameras saw: compared, written down, marked, shown to a person, forgotten."""
