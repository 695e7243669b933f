"""The local pool's RSA signing key: created on first use, stored in a private file, published as a JWKS."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk

from reviewlens.errors import ConfigurationError
from reviewlens.identity.private_files import private_file

ALGORITHM = "RS256"


class SigningKey:
    """`pem` is the private key, `public` its JWK and `kid` its RFC 7638 thumbprint, which depends on the key alone."""

    def __init__(self, pem: bytes) -> None:
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except ValueError as error:
            raise ConfigurationError(
                "The signing key file is damaged; delete it, and a new one is created.", code="key-unusable"
            ) from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigurationError(
                "The signing key is not an RSA key; delete it, and a new one is created.", code="key-unusable"
            )
        public_pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        fields = {name: _text(value) for name, value in jwk.construct(public_pem.decode(), ALGORITHM).to_dict().items()}
        thumbprint = json.dumps(
            {name: fields[name] for name in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True
        )
        self.pem = pem.decode()
        self.public_pem = public_pem.decode()
        self.kid = base64.urlsafe_b64encode(hashlib.sha256(thumbprint.encode()).digest()).rstrip(b"=").decode()
        self.public: dict[str, str] = {**fields, "kid": self.kid, "use": "sig", "alg": ALGORITHM}

    @classmethod
    def load(cls, secrets_dir: Path) -> SigningKey:
        """Load the key from this folder; create it on first use."""
        return cls(private_file(secrets_dir / "signing-key.pem", _new_pem))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the JSON Web Key Set that /.well-known/jwks.json serves."""
        return {"keys": [self.public]}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _new_pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
