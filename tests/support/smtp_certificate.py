"""A certificate for 127.0.0.1 and localhost, made when a test wants one."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path


def make_certificate(folder: Path, *, name: str = "localhost", address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate for *name* and *address*, and its key: PEM files in *folder*."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    # The paths and names come from the tests themselves.
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    new += ["-nodes", "-days", "2"]
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:{address}"]
    subprocess.run(
        [*new, *subject, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return certificate, key


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """How a server uses what `make_certificate` made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
