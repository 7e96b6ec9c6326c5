"""Measuring a face engine on labelled photos: error rates, groups, a page to read."""
