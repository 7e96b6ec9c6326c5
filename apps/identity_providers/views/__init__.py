"""Pages of a sign-in at a provider, by its protocol."""
