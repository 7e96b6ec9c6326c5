"""Reports on data that was brought from elsewhere: every row in one count, before beside after."""
