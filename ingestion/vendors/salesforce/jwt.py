"""A JSON Web Token signed with RS256, as the OAuth JWT bearer flow wants it (RFC 7523), by PyJWT and cryptography.

They are the extra `salesforce`, because only this way of signing in needs them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.source import SourceError

LEAST_BITS = 2048


def signed(claims: Mapping[str, object], pem: str) -> str:
    """The token. Line ends of the key may be written as the two characters `\\n`, as in an environment.

    ValueError, without a word of the key, for one that does not serve; SourceError where PyJWT is not installed.
    """
    try:
        import jwt
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise SourceError(
            "A private key, and no PyJWT to sign with. Install it: pip install 'pipeledger[salesforce]'."
        ) from None
    try:
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        raise ValueError("no unencrypted RSA private key in PEM") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("a private key that is not RSA")
    if key.key_size < LEAST_BITS:
        raise ValueError(f"a private key of {key.key_size:,} bits, at least {LEAST_BITS:,} expected")
    return jwt.encode(dict(claims), key, algorithm="RS256")
