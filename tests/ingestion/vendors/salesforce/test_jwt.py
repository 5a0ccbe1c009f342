"""Tokens that OpenSSL made the key of and accepts the signature of."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ingestion.vendors.salesforce import jwt

OPENSSL = shutil.which("openssl") or ""
needs_openssl = pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")


def openssl(*arguments: str) -> None:
    subprocess.run([OPENSSL, *arguments], check=True, capture_output=True)


@needs_openssl
@pytest.mark.parametrize("form", ["-traditional", ""], ids=["PKCS 1", "PKCS 8"])
def test_openssl_accepts_the_signature(tmp_path: Path, form: str) -> None:
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    openssl("genrsa", *([form] if form else []), "-out", str(key), "2048")
    openssl("rsa", "-in", str(key), "-pubout", "-out", str(public))
    head, body, signature = jwt.signed({"sub": "é"}, key.read_text().replace("\n", "\\n")).split(".")
    assert json.loads(base64.urlsafe_b64decode(body + "==")) == {"sub": "é"}
    (tmp_path / "signed").write_text(f"{head}.{body}")
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    openssl(
        "dgst", "-sha256", "-verify", str(public), "-signature", str(tmp_path / "signature"), str(tmp_path / "signed")
    )


@needs_openssl
def test_a_key_that_does_not_serve_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    weak, curve, locked = tmp_path / "weak.pem", tmp_path / "curve.pem", tmp_path / "locked.pem"
    openssl("genrsa", "-out", str(weak), "1024")
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(curve))
    openssl("genrsa", "-aes256", "-passout", "pass:secret", "-out", str(locked), "2048")
    for path, why in ((weak, "1,024 bits"), (curve, "not RSA"), (locked, "no unencrypted RSA private key")):
        with pytest.raises(ValueError, match=why) as failure:
            jwt.signed({}, path.read_text())
        assert path.read_text().splitlines()[1][:20] not in str(failure.value)
