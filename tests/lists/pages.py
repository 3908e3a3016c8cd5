"""What the tests of the pages of lists share: a small file, its upload, the answer of the columns' page."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from lists.models import CsvImport, MailingList

FILE = "メールアドレス,氏名,会社名\ntaro@example.jp,山田 太郎,みほん商店\nだめ,鈴木,\n"


def upload(client: Client, mailing_list: MailingList, content: bytes | str, **fields: str) -> Any:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("会員名簿.csv", data, "text/csv")
    url = reverse("import_upload", args=[mailing_list.pk])
    return client.post(url, {"file": file} | fields)


def columns_of(csv_import: CsvImport, **changes: Any) -> dict[str, Any]:
    chosen = {
        "encoding": csv_import.encoding,
        "separator": "comma",
        "has_header": "on",
        "mode": "merge",
        "consent": "on",
        "column_0": "address",
        "column_1": "name",
        "column_2": "attribute",
    }
    return {name: value for name, value in (chosen | changes).items() if value is not None}


def text_of(response: Any) -> str:
    if isinstance(response, StreamingHttpResponse):
        return b"".join(response).decode("utf-8-sig")
    return str(response.content.decode())
