"""The web pages, by reader. No models. What several readers need is in `shared`."""
