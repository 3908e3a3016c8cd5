"""Secrets of senders: the errors are those that this app and the pages above it expect."""

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from senders.errors import SenderError
from senders.secrets import decrypt, encrypt


def test_round_trip() -> None:
    assert decrypt(memoryview(encrypt("秘密".encode()))) == "秘密".encode()


def test_errors_are_those_of_senders(settings: Settings) -> None:
    token = encrypt(b"x")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SenderError, match="鍵やパスワードを復号できません"):
        decrypt(token)
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(SenderError, match="DKIMの秘密鍵やパスワードを保存できません"):
        encrypt(b"x")
