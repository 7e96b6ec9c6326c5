"""Pages of principals, administrators and operators. Lecturers read them for their own courses."""
