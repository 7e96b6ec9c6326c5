"""The student's pages: marks, leave and appeals."""
