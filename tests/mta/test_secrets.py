"""Secrets at rest: the first key encrypts, all decrypt, and a missing key is a clear error."""

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from mta.secrets import SecretError, decrypt, encrypt


def test_round_trip_hides_the_text() -> None:
    token = encrypt("秘密".encode())
    assert "秘密".encode() not in token
    assert decrypt(memoryview(token)) == "秘密".encode()


def test_an_older_key_still_decrypts_and_the_first_encrypts(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    token = encrypt(b"x")
    settings.ENCRYPTION_KEYS = [new, old]
    assert decrypt(token) == b"x"
    assert Fernet(new).decrypt(encrypt(b"y")) == b"y"


@pytest.mark.parametrize(("keys", "sentence"), [([], "設定されていない"), (["short"], "形式"), (["%" * 44], "形式")])
def test_no_usable_key_is_a_clear_error(settings: Settings, keys: list[str], sentence: str) -> None:
    settings.ENCRYPTION_KEYS = keys
    with pytest.raises(SecretError, match="ENCRYPTION_KEYS") as error:
        encrypt(b"x")
    assert sentence in error.value.sentence


def test_a_lost_key_is_a_clear_error(settings: Settings) -> None:
    token = encrypt(b"x")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SecretError, match="復号できません"):
        decrypt(token)
