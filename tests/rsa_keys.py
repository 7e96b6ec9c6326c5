"""RSA keys of others: made once a process, since each takes a quarter of a second."""

from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import rsa


@lru_cache
def rsa_key(owner: str = "") -> rsa.RSAPrivateKey:
    """2048 bits, another one for each owner."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
