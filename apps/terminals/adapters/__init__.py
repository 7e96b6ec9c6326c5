"""What makers' readers send, in our words. Each is a pure function over one request."""
