"""System checks: what an operator must set before this installation may work. `manage.py check --deploy` asks for all."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from mta.routes import RouteError, parse_route

KINDS_TO_REQUIRE = {"spf", "dkim", "dmarc"}
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def check_encryption_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E001: each key must be one that Fernet takes."""
    for key in settings.ENCRYPTION_KEYS:
        try:
            Fernet(key)
        except ValueError:
            # The key itself must not be shown.
            return [
                Error(
                    _("ENCRYPTION_KEYSに正しくない鍵があります。"),
                    hint=_("manage.py make_key で作った値を、複数あるときはカンマ区切りで指定してください。"),
                    id="hypermail.E001",
                )
            ]
    return []


def check_encryption_keys_are_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E002: without a key no password and no DKIM key can be stored."""
    if settings.ENCRYPTION_KEYS:
        return []
    return [
        Error(
            _("ENCRYPTION_KEYSが設定されていません。パスワードやDKIM鍵を保存できません。"),
            hint=_("manage.py make_key で作った値を設定し、データベースとは別に保管してください。"),
            id="hypermail.E002",
        )
    ]


def check_route(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E003: RELAY_URL must be readable."""
    try:
        parse_route(settings.RELAY_URL, ehlo_name=settings.EHLO_NAME)
    except RouteError as error:
        return [Error(_("RELAY_URLを使えません。%(reason)s") % {"reason": error.sentence}, id="hypermail.E003")]
    return []


def check_required_checks(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E004: only a DKIM key proves whose a domain is; the include of SPF is the same for all workspaces."""
    words = set(settings.REQUIRED_CHECKS)
    if "dkim" in words and words <= KINDS_TO_REQUIRE:
        return []
    return [
        Error(
            _("REQUIRED_CHECKSの値が正しくありません。"),
            hint=_("spf、dkim、dmarcから、dkimを含めて、空白を入れずカンマ区切りで指定してください(例: spf,dkim)。"),
            id="hypermail.E004",
        )
    ]


def check_sending_ips(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E005: SENDING_IPS are single addresses."""
    for address in settings.SENDING_IPS:
        try:
            ip_address(address)
        except ValueError:
            return [
                Error(
                    _("SENDING_IPSの「%(address)s」はIPアドレスではありません。") % {"address": address},
                    hint=_(
                        "「203.0.113.0/28」のような範囲ではなく、IPアドレスを1つずつカンマ区切りで指定してください。"
                    ),
                    id="hypermail.E005",
                )
            ]
    return []


def check_public_names(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """W001–W003: names that recipients and receiving servers see must not be those of a laptop."""
    found: list[CheckMessage] = []
    if any(f"//{name}" in settings.BASE_URL for name in LOCAL_NAMES):
        text = _("BASE_URLがこのマシンの中でしか通じません。メール内のリンク(配信停止など)を受信者が開けません。")
        found.append(Warning(text, id="hypermail.W001"))
    if settings.RETURN_DOMAIN.endswith("localhost"):
        text = _("RETURN_DOMAINが仮の値です。エラーメールが戻ってきません。")
        found.append(Warning(text, id="hypermail.W002"))
    if settings.EHLO_NAME in LOCAL_NAMES:
        text = _("EHLO_NAMEが仮の値です。送信元IPアドレスの逆引き名を設定してください。")
        found.append(Warning(text, id="hypermail.W003"))
    return found


def check_sandbox(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """W004–W005: what is right for a demonstration is wrong in production."""
    found: list[CheckMessage] = []
    if settings.SANDBOX:
        found.append(Warning(_("SANDBOXが有効です。本番では無効にしてください。"), id="hypermail.W004"))
    if not settings.REQUIRE_VERIFIED_SENDERS:
        text = _("REQUIRE_VERIFIED_SENDERSが無効です。検証されていない差出人から送信できてしまいます。")
        found.append(Warning(text, id="hypermail.W005"))
    return found


def check_link_checks(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E006: drafts must not make this installation ask servers of its own machine."""
    if not settings.LINK_CHECK_PRIVATE:
        return []
    text = _("LINK_CHECK_PRIVATEが有効です。下書きのリンクから、このマシンのサーバーに接続できてしまいます。")
    return [Error(text, hint=_("テスト専用の設定です。0にしてください。"), id="hypermail.E006")]


def check_pictures(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E007: where the pictures of mails are kept. Whether a bucket can be reached is told when one is uploaded."""
    faults = []
    url = urlsplit(settings.PICTURES_BASE_URL)
    if settings.PICTURES_BASE_URL and (url.scheme not in ("http", "https") or not url.netloc or url.query):
        faults.append(_("PICTURES_BASE_URLは「https://」で始まるURLにしてください。"))
    if settings.PICTURES_S3_BUCKET:
        if bool(settings.PICTURES_S3_ACCESS_KEY) != bool(settings.PICTURES_S3_SECRET_KEY):
            faults.append(
                _("PICTURES_S3_ACCESS_KEYとPICTURES_S3_SECRET_KEYは、両方を設定するか、両方を空にしてください。")
            )
        if settings.PICTURES_S3_ADDRESSING not in ("auto", "path", "virtual"):
            faults.append(_("PICTURES_S3_ADDRESSINGは auto、path、virtual のどれかにしてください。"))
        try:
            import_string(settings.STORAGES["pictures"]["BACKEND"])
        except ImproperlyConfigured as error:
            faults.append(str(error))
    return [Error(fault, id="hypermail.E007") for fault in faults]


def register_all() -> None:
    """Tell Django of the checks; called once, when the apps are ready."""
    register(check_encryption_keys, Tags.security)
    register(check_encryption_keys_are_set, Tags.security, deploy=True)
    register(check_route, "mail")
    register(check_required_checks, "mail")
    register(check_sending_ips, "mail")
    register(check_public_names, "mail", deploy=True)
    register(check_sandbox, "mail", deploy=True)
    register(check_pictures, "mail")
    register(check_link_checks, Tags.security, deploy=True)
