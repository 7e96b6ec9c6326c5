"""The lecturer's pages: the day, the session, the projector, the register."""
