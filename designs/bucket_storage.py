"""Pictures in a bucket: Amazon S3, Cloudflare R2, MinIO and others of their kind. Loaded only where a bucket is named."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.utils.translation import gettext as _

from designs.picture_encoding import PictureUnavailable

try:
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from storages.backends.s3 import S3Storage
except ImportError as error:
    raise ImproperlyConfigured(
        _(
            "PICTURES_S3_BUCKETを使うための部品がありません。pip install --require-hashes -r requirements-s3.txt を実行してください。"
        )
    ) from error

logger = logging.getLogger(__name__)

# Somebody waits for the page: in seconds, and twice at most.
CONNECT: Final = 3
READ: Final = 10
ATTEMPTS: Final = 2
# A year; the content of a name never changes.
CACHED: Final = "public, max-age=31536000, immutable"
# As the servers call what is wrong with a key, and with what it may do.
REFUSALS: Final = frozenset(
    {"403", "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Unauthorized", "401"}
)
GONE: Final = frozenset({"404", "NoSuchKey"})


class BucketStorage(S3Storage):  # type: ignore[misc]
    """Keeps files under their names; what the server or the net refuses is a PictureUnavailable with a sentence.

    `base_url` is where anybody can load them, with "/" at its end: no address of ours is signed or ends. `read_timeout` is how
    long an answer may take.
    """

    def __init__(self, *, base_url: str, read_timeout: float = READ, **options: Any) -> None:
        self.base_url = base_url
        # Older servers of this kind know no checksums of the newer sorts.
        config = Config(
            connect_timeout=CONNECT,
            read_timeout=read_timeout,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            s3={"addressing_style": options.pop("addressing_style")},
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(
            client_config=config,
            transfer_config=TransferConfig(use_threads=False),
            object_parameters={"CacheControl": CACHED},
            querystring_auth=False,
            default_acl=None,
            # A name tells the content, so what is written over is the same.
            file_overwrite=True,
            **options,
        )

    def url(self, name: str, *args: Any, **kwargs: Any) -> str:
        """Return where anybody can load a file."""
        return f"{self.base_url}{name}"

    def delete(self, name: str) -> None:
        """Delete a file; one that is gone is no fault."""
        with telling("delete", name):
            self.bucket.Object(self._normalize_name(name)).delete()

    def exists(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        with telling("look for", name):
            return bool(super().exists(name))

    def _save(self, name: str, content: File[Any]) -> str:
        with telling("store", name):
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        # At once, so that nothing can go wrong while it is being sent; a picture has some hundred kB.
        try:
            with telling("read", name):
                return ContentFile(self.bucket.Object(self._normalize_name(name)).get()["Body"].read(), name=name)
        except PictureUnavailable as error:
            if isinstance(error.__cause__, ClientError) and code_of(error.__cause__) in GONE:
                raise FileNotFoundError(name) from error
            raise


@contextmanager
def telling(what: str, name: str) -> Iterator[None]:
    """Raise PictureUnavailable for what goes wrong with the bucket, and log it for the operator."""
    try:
        yield
    # A ValueError is an address that cannot be one.
    except (BotoCoreError, ClientError, ValueError) as error:
        logger.error("cannot %s picture %s in the bucket: %s", what, name, error)
        raise PictureUnavailable(explain(error)) from error


def explain(error: Exception) -> str:
    """Return for people what is wrong."""
    code = code_of(error)
    if code == "NoSuchBucket":
        return _(
            "画像の保存先(バケット)が見つかりません。システムの運営者に、PICTURES_S3_BUCKET の設定の確認を依頼してください。"
        )
    if code in REFUSALS or isinstance(error, NoCredentialsError):
        return _(
            "画像の保存先に断られました(鍵または権限)。システムの運営者に、PICTURES_S3_ACCESS_KEY などの設定の確認を依頼してください。"
        )
    if code:
        return _("画像の保存先がエラーを返しました(%s)。少し待ってから、もう一度お試しください。") % code
    return _(
        "画像の保存先に接続できません。少し待ってから、もう一度お試しください。続くときは、システムの運営者にお知らせください。"
    )


def code_of(error: Exception) -> str:
    """Return what the server calls the fault; "" where it said nothing."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
