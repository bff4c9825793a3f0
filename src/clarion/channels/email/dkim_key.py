"""A key that mails of a domain are signed with, and the record by which others know it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from clarion.errors import Invalid

#: RFC 8301 §3.2: signers use at least 1024 bits and should use 2048; what is longer than 4096 need not be verified.
SHORTEST, USUAL, LONGEST = 1024, 2048, 4096

_SELECTOR = re.compile(r"(?=.{1,63}\Z)[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*")
#: A string in a TXT record has no more octets than this (RFC 1035 §3.3); a record has several.
_STRING = 255
_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """One key of one domain."""

    #: In lower case and ASCII: the tag ``d=``.
    domain: str
    #: Under which of its names the domain tells the key: the tag ``s=``.
    selector: str
    key: PrivateKey = field(repr=False)

    def __str__(self) -> str:
        return f"{self.selector} ({self.kind})"

    @property
    def is_rsa(self) -> bool:
        return isinstance(self.key, rsa.RSAPrivateKey)

    @property
    def kind(self) -> str:
        return f"RSA {self.key.key_size}" if isinstance(self.key, rsa.RSAPrivateKey) else "Ed25519"

    @property
    def algorithm(self) -> str:
        """The tag ``a=``."""
        return "rsa-sha256" if self.is_rsa else "ed25519-sha256"

    @property
    def name(self) -> str:
        """The name in DNS that has the record."""
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, data: bytes) -> bytes:
        """The signature of *data*: RFC 6376 §3.3.1 for RSA; RFC 8463 §3 for Ed25519, which signs the hash."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, _PKCS1, _SHA256)
        digest = hashes.Hash(_SHA256)
        digest.update(data)
        return self.key.sign(digest.finalize())

    def record(self) -> str:
        """What the TXT record says."""
        public = self.key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            kind = "rsa"
            raw = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            kind, raw = "ed25519", public.public_bytes_raw()
        return f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode('ascii')}"

    def zone_line(self) -> str:
        """The record as a zone file has it."""
        text = self.record()
        strings = " ".join(f'"{text[at : at + _STRING]}"' for at in range(0, len(text), _STRING))
        return f"{self.name}. IN TXT ( {strings} )"


def check_selector(text: str) -> str:
    """*text*, if it may name a key in DNS. Raises `Invalid`."""
    if not _SELECTOR.fullmatch(text):
        raise Invalid("a selector is up to 63 of a-z, 0-9, - and _, for example clarion1")
    return text


def read_private_key(pem: bytes, passphrase: str | None = None) -> PrivateKey:
    """The key in *pem*: PKCS #8 or PKCS #1, unlocked by *passphrase* where there is one.

    Raises `Invalid`, which repeats nothing of either.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None if passphrase is None else passphrase.encode())
    except TypeError:
        if passphrase is None:
            raise Invalid("the key is locked: give its `passphrase`, or `passphrase_file`") from None
        raise Invalid("there is a passphrase, and the key is not locked: leave it out") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if passphrase is None or b"ENCRYPTED" not in pem:
            raise Invalid("it holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----") from None
        if isinstance(error, UnsupportedAlgorithm):
            raise Invalid("the key is locked in a way that cannot be opened: lock it with AES, in PKCS #8") from None
        raise Invalid("the passphrase does not open the key: it is another one, or the file is damaged") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Invalid("the key is neither RSA nor Ed25519, and mails are signed with no other")
    if not SHORTEST <= key.key_size <= LONGEST:
        raise Invalid(f"the key has {key.key_size} bits: from {SHORTEST} to {LONGEST} are verified, {USUAL} are usual")
    return key


def new_private_key(*, ed25519_: bool = False, bits: int = USUAL) -> tuple[PrivateKey, bytes]:
    """A new key, and its PEM (PKCS #8)."""
    key: PrivateKey = (
        ed25519.Ed25519PrivateKey.generate()
        if ed25519_
        else rsa.generate_private_key(public_exponent=65_537, key_size=bits)
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key, pem
