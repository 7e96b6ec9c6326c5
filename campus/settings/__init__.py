"""Settings: `dev` (default), `test`, `production`, all on top of `base`."""
