"""Adding photos of a class, finding whom they show, confirming, and deleting them."""
