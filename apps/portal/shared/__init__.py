"""Pages that everybody has (start, week, messages, invitations), and what all pages share."""
