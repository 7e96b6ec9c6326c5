"""Django's PostgreSQL backend, fit for poolers and for servers that hang."""
