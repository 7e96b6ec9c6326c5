"""What services of signing in write: passkeys and what they allow."""
