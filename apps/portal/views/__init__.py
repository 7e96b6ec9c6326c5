"""The portal's pages. Views parse, call one service, and render."""
