"""A certificate authority of a test alone: what it signs is valid, or has been."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """\
[ca]
default_ca = own
[own]
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
default_days = 2
policy = names
copy_extensions = copy
[names]
commonName = supplied
"""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
#: When a certificate began and ceased to be valid.
_LONG_AGO = ("-startdate", "20240101000000Z", "-enddate", "20240102000000Z")


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its key: PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; whoever trusts `file` trusts them."""

    def __init__(self, folder: Path) -> None:
        """All its files are in *folder*, which is made."""
        folder.mkdir(parents=True)
        self._folder = folder
        self.file = folder / "ca.pem"
        (folder / "index").touch()
        (folder / "ca.conf").write_text(_CONFIG.format(folder=folder))
        uses = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
        named = ("-subj", "/CN=An authority of tests", *(word for use in uses for word in ("-addext", use)))
        _openssl("req", "-x509", *_NEW_KEY, "-days", "2", *named, "-keyout", folder / "ca.key", "-out", self.file)

    def sign(self, name: str = "localhost", *, expired: bool = False) -> Signed:
        """A certificate for the host *name* alone: not for its address."""
        stem = f"{name}{'-expired' if expired else ''}"
        signed = Signed(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        request = self._folder / f"{stem}.csr"
        named = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
        _openssl("req", "-new", *_NEW_KEY, *named, "-keyout", signed.key, "-out", request)
        dates = _LONG_AGO if expired else ()
        config = ("-config", self._folder / "ca.conf")
        _openssl("ca", "-batch", "-notext", *config, *dates, "-in", request, "-out", signed.certificate)
        return signed


def _openssl(*words: str | Path) -> None:
    # Paths and names come from the tests themselves.
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=30)
