"""Pictures in a bucket: against a server of S3 on loopback, and against servers that refuse or are not there."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import boto3
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from moto.server import ThreadedMotoServer
from PIL import Image
from pytest_django import Settings

from accounts.models import User, Workspace
from designs.models import Picture, picture_storage
from designs.picture_encoding import PictureUnavailable
from designs.pictures import delete_picture, store_picture

pytestmark = [pytest.mark.django_db, pytest.mark.once]

KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "ap-northeast-1"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a server of S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _host, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str) -> Iterator[Any]:
    """A bucket that is there."""
    made = boto3.resource("s3", endpoint_url=endpoint, **KEYS).create_bucket(
        Bucket="mails", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def use(settings: Settings) -> Any:
    """A function that has pictures kept in a bucket."""

    def use(endpoint: str, **options: Any) -> None:
        given = {
            "bucket_name": "mails",
            "endpoint_url": endpoint,
            "region_name": "ap-northeast-1",
            "access_key": "key",
            "secret_key": "secret",
            "location": "",
            "addressing_style": "path",
            "base_url": "https://img.shop.example/",
        }
        pictures = {"BACKEND": "designs.bucket_storage.BucketStorage", "OPTIONS": given | options}
        settings.STORAGES = settings.STORAGES | {"pictures": pictures}

    return use


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 20), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()


def store(workspace: Workspace) -> tuple[Picture, bool]:
    return store_picture(workspace, io.BytesIO(png()), name="写真.png", actor=None, now=timezone.now())


def upload(client: Client, *names: str) -> str:
    files = [SimpleUploadedFile(name, png()) for name in names]
    return client.post(reverse("picture_index"), {"pictures": files}, follow=True).content.decode()


def run(code: str, environment: dict[str, str]) -> str:
    """Return what a process of its own prints, with the settings of an environment."""
    outcome = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {code}"],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "hypermail.settings"} | environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return outcome.stdout.strip()


def names(bucket: Any) -> list[str]:
    return [found.key for found in bucket.objects.all()]


def test_a_picture_is_one_object_that_recipients_load_from_its_address(
    endpoint: str, bucket: Any, use: Any, editor: Client, workspace: Workspace
) -> None:
    use(endpoint)
    picture, is_new = store(workspace)
    assert is_new
    assert store(workspace) == (picture, False)
    assert names(bucket) == [picture.file.name]
    assert picture.url == f"https://img.shop.example/{picture.file.name}"
    stored = bucket.Object(picture.file.name).get()
    assert stored["ContentType"] == "image/png"
    assert stored["CacheControl"] == "public, max-age=31536000, immutable"
    assert f'src="{picture.url}"' in editor.get(reverse("picture_index")).content.decode()


def test_mails_that_were_sent_before_load_it_over_the_page(
    endpoint: str, bucket: Any, use: Any, client: Client, workspace: Workspace
) -> None:
    use(endpoint)
    picture, _is_new = store(workspace)
    answer = client.get(f"/p/{picture.file.name}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.getvalue())).size == (40, 20)
    assert client.get(f"/p/{'0' * 64}.png").status_code == 404


def test_objects_stand_under_the_prefix(endpoint: str, bucket: Any, use: Any, workspace: Workspace) -> None:
    use(endpoint, location="hypermail")
    picture, _is_new = store(workspace)
    assert names(bucket) == [f"hypermail/{picture.file.name}"]
    assert picture_storage().open(str(picture.file.name)).read()[:4] == b"\x89PNG"


def test_a_picture_is_deleted_with_its_object(
    endpoint: str, bucket: Any, use: Any, workspace: Workspace, admin_user: User
) -> None:
    use(endpoint)
    picture, _is_new = store(workspace)
    delete_picture(picture, actor=admin_user, find_more=lambda _picture: [])
    assert names(bucket) == []
    assert not Picture.objects.exists()


def test_the_settings_of_an_operator_lead_there(endpoint: str, bucket: Any) -> None:
    code = (
        "from django.core.files.base import ContentFile; from designs.models import picture_storage as kept; "
        "print(kept().url(kept().save('a.png', ContentFile(b'x'))))"
    )
    environment = {
        "PICTURES_S3_BUCKET": "mails",
        "PICTURES_S3_ENDPOINT": endpoint,
        "PICTURES_S3_REGION": "ap-northeast-1",
        "PICTURES_S3_ACCESS_KEY": "key",
        "PICTURES_S3_SECRET_KEY": "secret",
        "PICTURES_S3_PREFIX": "/hypermail/",
    }
    assert (run(code, environment), names(bucket)) == ("/p/a.png", ["hypermail/a.png"])


def test_our_pages_may_load_them_from_their_host() -> None:
    code = (
        "from django.conf import settings; from mta.views import MAIL_POLICY; "
        "print(*settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['img-src'], *MAIL_POLICY['img-src'])"
    )
    printed = run(code, {"PICTURES_BASE_URL": "https://img.shop.example/mails"})
    assert printed.split().count("https://img.shop.example") == 2


class Refusing(BaseHTTPRequestHandler):
    """Answers whatever is asked as S3 does for a key that it does not know."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = answer

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes what comes and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        ("endpoint", "画像の保存先(バケット)が見つかりません"),
        ("refusing", "画像の保存先に断られました"),
        ("closed", "画像の保存先に接続できません"),
    ],
)
def test_what_goes_wrong_is_told_once_and_leaves_nothing(
    request: pytest.FixtureRequest, use: Any, editor: Client, server: str, sentence: str
) -> None:
    use(request.getfixturevalue(server))
    page = upload(editor, "一.png", "二.png")
    assert f"一.png: {sentence}" in page
    assert page.count(sentence) == page.count("一.png: ")
    assert "二.png: " not in page
    assert not Picture.objects.exists()


def test_a_server_that_does_not_answer_is_told_in_time(use: Any, silent: str, editor: Client) -> None:
    use(silent, read_timeout=0.2)
    began = monotonic()
    assert "画像の保存先に接続できません" in upload(editor, "一.png", "二.png")
    assert monotonic() - began < 10
    assert not Picture.objects.exists()


def test_an_address_that_is_none_is_told(use: Any, editor: Client) -> None:
    use("bucket.example")
    assert "画像の保存先に接続できません" in upload(editor, "一.png")


def test_without_any_key_it_says_so(use: Any, endpoint: str, editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing of this machine's: neither files nor the service of its host.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    use(endpoint, access_key=None, secret_key=None)
    assert "画像の保存先に断られました" in upload(editor, "一.png")


def test_a_deletion_that_fails_leaves_both(
    endpoint: str, bucket: Any, use: Any, closed: str, workspace: Workspace, editor: Client
) -> None:
    use(endpoint)
    picture, _is_new = store(workspace)
    use(closed)
    page = editor.post(reverse("picture_delete", args=[picture.pk]), follow=True).content.decode()
    assert "画像の保存先に接続できません" in page
    assert Picture.objects.get() == picture
    assert names(bucket) == [picture.file.name]


def test_while_it_is_away_the_page_asks_to_come_again(use: Any, closed: str, client: Client) -> None:
    use(closed)
    answer = client.get(f"/p/{'0' * 64}.png")
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "60", "no-store")


def test_nobody_waits_for_long(use: Any, endpoint: str) -> None:
    use(endpoint)
    storage: Any = picture_storage()
    config = storage.connection.meta.client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (3, 10, 2)


def test_looking_for_a_file_is_told_as_well(use: Any, closed: str) -> None:
    use(closed)
    with pytest.raises(PictureUnavailable):
        picture_storage().exists("a.png")
