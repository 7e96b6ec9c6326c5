"""Learning platforms: registering them, launches, links to courses, scores and rosters."""
