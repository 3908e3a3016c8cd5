"""Encrypts what must not lie readable in the database, with the keys of the environment."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext as _

from mta.errors import MtaError


class SecretError(MtaError):
    """Nothing can be encrypted, or what is stored cannot be read."""


def encrypt(plain: bytes) -> bytes:
    """Return a Fernet token of `plain`, made with the first key of ENCRYPTION_KEYS.

    Raises SecretError where no usable key is set.
    """
    return load_keys().encrypt(plain)


def decrypt(token: bytes | memoryview) -> bytes:
    """Return what `encrypt` was given; any key of ENCRYPTION_KEYS may have made the token.

    Raises SecretError where no usable key is set or none of them fits.
    """
    try:
        return load_keys().decrypt(bytes(token))
    except InvalidToken as error:
        raise SecretError(
            _(
                "保存されている鍵やパスワードを復号できません。環境変数 ENCRYPTION_KEYS に、"
                "保存したときの鍵が含まれているか、システム管理者に確認してください。"
            )
        ) from error


def load_keys() -> MultiFernet:
    """Return the cipher for the setting ENCRYPTION_KEYS; raises SecretError where it is empty or malformed."""
    if not settings.ENCRYPTION_KEYS:
        raise SecretError(
            _(
                "暗号化の鍵が設定されていないため、DKIMの秘密鍵やパスワードを保存できません。"
                "環境変数 ENCRYPTION_KEYS の設定をシステム管理者に依頼してください。"
            )
        )
    try:
        return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
    except ValueError as error:
        raise SecretError(
            _(
                "環境変数 ENCRYPTION_KEYS の形式が正しくありません。"
                "URL セーフな Base64 で書いた32バイトの鍵を、カンマ区切りで設定してください。"
            )
        ) from error
