"""A JSON Web Token signed with RS256, as the OAuth JWT bearer flow wants it.

Takes claims and an RSA private key as PEM (PKCS #1 or PKCS #8, not encrypted), gives the token. The signature is
RSASSA-PKCS1-v1_5 over SHA-256 (RFC 8017, section 8.2.1), which is deterministic; one is made for each run, on the
user's own machine, so that nobody can measure its time. It stands here because no dependency of ours signs.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")  # the DigestInfo before the digest
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_PEM = re.compile(r"-----BEGIN (RSA )?PRIVATE KEY-----(.+?)-----END", re.DOTALL)


def signed(claims: Mapping[str, object], pem: str) -> str:
    """The token. ValueError, without a word of the key, for one that is not readable."""
    head = f"{_segment(json.dumps({'alg': 'RS256', 'typ': 'JWT'}).encode())}.{_segment(json.dumps(claims).encode())}"
    modulus, exponent = read_key(pem)
    size = (modulus.bit_length() + 7) // 8
    digest = _SHA256 + hashlib.sha256(head.encode()).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    signature = pow(int.from_bytes(padded, "big"), exponent, modulus).to_bytes(size, "big")
    return f"{head}.{_segment(signature)}"


def read_key(pem: str) -> tuple[int, int]:
    """Modulus and private exponent. Line ends may be written as the two characters `\\n`, as in an environment."""
    found = _PEM.search(pem.replace("\\n", "\n"))
    if not found:
        raise ValueError("no unencrypted RSA private key in PEM")
    try:
        content = base64.b64decode(found[2], validate=False)
        if not found[1]:  # PKCS #8 wraps PKCS #1
            content = next(value for kind, value in _parts(_body(content)) if kind == _OCTETS)
        numbers = [int.from_bytes(value, "big") for kind, value in _parts(_body(content)) if kind == _INTEGER]
        _, modulus, _, exponent = numbers[:4]
    except (ValueError, IndexError, StopIteration) as error:
        raise ValueError(f"a private key that is not RSA ({type(error).__name__})") from None
    if modulus.bit_length() < 2048:
        raise ValueError(f"a private key of {modulus.bit_length()} bits, at least 2,048 expected")
    return modulus, exponent


def _body(content: bytes) -> bytes:
    """What the outermost sequence holds."""
    kind, value = next(_parts(content))
    if kind != _SEQUENCE:
        raise ValueError("not a sequence")
    return value


def _parts(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The parts of a DER encoding, one after the other: tag and value."""
    at = 0
    while at < len(content):
        kind, length, start = content[at], content[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            length, start = int.from_bytes(content[start : start + width], "big"), start + width
        yield kind, content[start : start + length]
        at = start + length


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
