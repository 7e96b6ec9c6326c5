"""The neural networks' weights: which files, where from, checked and installed once."""
