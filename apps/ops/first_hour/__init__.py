"""From an empty installation to a campus's first register: set-up, campuses, what is left to do."""
