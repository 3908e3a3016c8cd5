"""A throw-away certificate authority for servers on loopback."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates; `path` is the file that clients trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "authority.pem"
        self.key = generate_private_key(SECP256R1())
        self.name = name_of("Hypermail tests")
        self.certificate = self.sign(self.name, self.key, days=30, is_authority=True)
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def issue(self, host: str = "localhost", *, days: int = 30) -> Path:
        """Write key and certificate of a server to one file; with negative `days` it has expired."""
        key = generate_private_key(SECP256R1())
        certificate = self.sign(name_of(host), key, days=days, host=host)
        path = self.folder / f"{host}{days}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        return path

    def sign(
        self,
        name: x509.Name,
        key: EllipticCurvePrivateKey,
        *,
        days: int,
        host: str = "localhost",
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        names = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if is_authority:
            usage = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
            others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
            more = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
            builder = builder.add_extension(x509.KeyUsage(**usage, **more), critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, SHA256())


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
