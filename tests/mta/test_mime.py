"""Mail bytes: what is put in comes out again, and nothing can put in more."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mta.mime import Mail, MimeError, build, encode_body, require_headers

TOKYO = timezone(timedelta(hours=9))
MAIL = Mail(
    from_name="みほん商店",
    from_address="news@shop.example",
    to_name="山田 太郎",
    to_address="taro@example.jp",
    subject="秋のお知らせ",
    text="こんにちは。\n",
    message_id="<d.1@shop.example>",
    date=datetime(2025, 10, 1, 9, 0, tzinfo=TOKYO),
    boundary="part-1",
)

# What may stand in a header: no control characters, no line ends of Unicode, no halves of a character.
_FORBIDDEN = [*(chr(code) for code in [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029])]
clean = st.text(st.characters(exclude_characters=_FORBIDDEN, exclude_categories=["Cs"]), max_size=200)
plain = st.text(st.sampled_from('ab1 "\\,;:<>@()[].=?_'), max_size=200)
values = clean | plain
bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.text(
    st.sampled_from("a.= \t\r\n-あ\x00\u2028"), max_size=300
)


def parse(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=policy.SMTP)


def raw_header(data: bytes, name: str) -> str:
    """Return a header as it stands, its lines joined."""
    head = data.partition(b"\r\n\r\n")[0].decode("ascii")
    found = re.findall(rf"(?:^|\r\n){name}: ([^\r]*(?:\r\n [^\r]*)*)", head)
    assert len(found) == 1, (name, head)
    return str(found[0])


def decoded(value: str) -> str:
    """Decode a header with the standard library's older and stricter reader."""
    return str(make_header(decode_header(value.replace("\r\n", ""))))


def names_of(data: bytes) -> list[str]:
    return list(message_from_bytes(data).keys())


def normalised(text: str) -> str:
    """Return a body as it may arrive: LF line ends, with one at the end."""
    text = re.sub("\r\n|\r", "\n", text)
    return text if text.endswith("\n") else text + "\n"


def assert_good_lines(data: bytes) -> None:
    assert data.isascii()
    assert data.endswith(b"\r\n")
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    for word in re.findall(rb"=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=", data.partition(b"\r\n\r\n")[0]):
        assert len(word) <= 75
        # F8: each word decodes by itself.
        make_header(decode_header(word.decode("ascii")))


def test_builds_a_plain_mail() -> None:
    data = build(MAIL)
    assert data.decode("ascii").split("\r\n") == [
        "Date: Wed, 01 Oct 2025 09:00:00 +0900",
        "From: =?UTF-8?B?44G/44G744KT5ZWG5bqX?= <news@shop.example>",
        "To: =?UTF-8?B?5bGx55SwIOWkqumDjg==?= <taro@example.jp>",
        "Subject: =?UTF-8?B?56eL44Gu44GK55+l44KJ44Gb?=",
        "Message-ID: <d.1@shop.example>",
        "Precedence: bulk",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: base64",
        "",
        "44GT44KT44Gr44Gh44Gv44CCDQo=",
        "",
    ]


def test_same_input_gives_the_same_bytes() -> None:
    mail = replace(MAIL, html="<p>こんにちは</p>", list_id="1.shop.example")
    assert build(mail) == build(mail)


def test_html_comes_after_the_text() -> None:
    message = parse(build(replace(MAIL, html="<p>こんにちは</p>")))
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content() == "こんにちは。\r\n"
    assert html.get_content() == "<p>こんにちは</p>\r\n"
    assert message.defects == text.defects == html.defects == []


def test_headers_of_a_newsletter() -> None:
    url = "https://shop.example/u/" + "x" * 300
    mail = replace(
        MAIL,
        list_unsubscribe=(url, "mailto:u+1@shop.example?subject=stop"),
        list_id="list-7.shop.example",
        feedback_id="7:1:campaign:hypermail",
        reply_to="a..b@docomo.ne.jp",
        extra=(("X-Campaign", "秋"), ("Auto-Submitted", "auto-generated")),
    )
    data = build(mail)
    # Raw, in one piece, however long (RFC 8058): receivers compare it with what was signed.
    assert f"List-Unsubscribe: <{url}>,\r\n <mailto:u+1@shop.example?subject=stop>\r\n".encode() in data
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data
    assert b"List-Id: <list-7.shop.example>\r\n" in data
    assert b"Feedback-ID: 7:1:campaign:hypermail\r\n" in data
    assert b'Reply-To: "a..b"@docomo.ne.jp\r\n' in data
    assert decoded(raw_header(data, "X-Campaign")) == "秋"
    assert names_of(data)[-4:] == ["X-Campaign", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding"]


def test_one_click_needs_a_web_address() -> None:
    data = build(replace(MAIL, list_unsubscribe=("mailto:u@shop.example",)))
    assert b"List-Unsubscribe-Post" not in data


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("a..b@docomo.ne.jp", '<"a..b"@docomo.ne.jp>'),
        ("a.@ezweb.ne.jp", '<"a."@ezweb.ne.jp>'),
        ("a@日本語.jp", "<a@xn--wgv71a119e.jp>"),
    ],
)
def test_to_holds_legacy_and_japanese_addresses(address: str, written: str) -> None:
    """F1."""
    data = build(replace(MAIL, to_address=address))
    assert raw_header(data, "To").endswith(written)
    assert parse(data)["To"].addresses[0].display_name == "山田 太郎"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("", "taro@example.jp"),
        ("Taro Yamada", "Taro Yamada <taro@example.jp>"),
        ("Yamada, Taro", '"Yamada, Taro" <taro@example.jp>'),
        ('Taro "T" \\ Yamada', '"Taro \\"T\\" \\\\ Yamada" <taro@example.jp>'),
        ("a@b", '"a@b" <taro@example.jp>'),
        ("=?UTF-8?B?x?=", "=?UTF-8?B?PT9VVEYtOD9CP3g/PQ==?= <taro@example.jp>"),
    ],
)
def test_display_names(name: str, written: str) -> None:
    assert raw_header(build(replace(MAIL, to_name=name)), "To") == written


def test_long_name_puts_the_address_on_its_own_line() -> None:
    data = build(replace(MAIL, to_name="山" * 60))
    assert raw_header(data, "To").split("\r\n")[-1] == " <taro@example.jp>"
    assert_good_lines(data)


@given(subject=values, from_name=values, to_name=values)
@example(subject="寿司🍣" * 40, from_name="a  b", to_name=" ")
@example(subject="x" * 200, from_name="'", to_name="=?utf-8?q?x?=")
def test_subject_and_names_are_read_back(subject: str, from_name: str, to_name: str) -> None:
    """F8: whatever is written is read again by the standard library."""
    data = build(replace(MAIL, subject=subject, from_name=from_name, to_name=to_name))
    assert_good_lines(data)
    assert names_of(data) == names_of(build(MAIL))
    assert decoded(raw_header(data, "Subject")) == subject
    for name, value in (("From", from_name), ("To", to_name)):
        phrase, address = parseaddr(raw_header(data, name).replace("\r\n", ""))
        assert decoded(phrase) == value
        assert address == (MAIL.from_address if name == "From" else MAIL.to_address)
    assert parsedate_to_datetime(raw_header(data, "Date")) == MAIL.date


@given(words=st.lists(st.text(st.sampled_from("abc,.'=?"), min_size=1, max_size=40), min_size=1, max_size=30))
@example(words=["x" * 66, "y" * 66])
def test_subject_in_plain_words_is_folded_between_them(words: list[str]) -> None:
    subject = " ".join(words)
    data = build(replace(MAIL, subject=subject))
    assert_good_lines(data)
    header = raw_header(data, "Subject")
    assert decoded(header) == subject
    if "=?" not in subject:
        assert header.replace("\r\n", "") == subject
    assert max(map(len, f"Subject: {header}".split("\r\n"))) <= 76


@given(text=bodies, html=bodies)
@example(text="", html="")
@example(text=".", html="..\r\n.\r\n")
@example(text="From a\nFrom b", html="--part-1\n--part-1--\n")
@example(text="a" * 5000, html="あ" * 5000)
@example(text="trailing \t\n \n", html="a\r\r\nb\n\rc")
@example(text="family 👨‍👩‍👧‍👦", html="\ufeffbom")
def test_bodies_are_read_back(text: str, html: str) -> None:
    data = build(replace(MAIL, text=text, html=html))
    assert_good_lines(data)
    message = parse(data)
    parts = list(message.iter_parts()) if html else [message]
    for part, value in zip(parts, [text, html], strict=False):
        content = cast(bytes, part.get_payload(decode=True)).decode("utf-8")
        assert content.replace("\r\n", "\n") == normalised(value)
    assert len(parts) == (2 if html else 1)


@given(text=bodies)
def test_smaller_transfer_encoding_is_taken(text: str) -> None:
    encoding, body = encode_body(text)
    if encoding == "quoted-printable":
        size = -(-len(normalised(text).replace("\n", "\r\n").encode()) // 3) * 4
        assert len(body) <= size + -(-size // 76) * 2
    assert max(map(len, body.split(b"\r\n"))) <= 76


def test_latin_text_is_quoted_and_japanese_is_base64() -> None:
    assert encode_body("Hello = world\n") == ("quoted-printable", b"Hello =3D world\r\n")
    assert encode_body("こんにちは\n")[0] == "base64"


def test_lines_that_others_would_change_are_kept_safe() -> None:
    """mbox programs turn "From " into ">From ", and a boundary in the text would end the part."""
    assert encode_body("From here\n")[0] == "base64"
    assert encode_body("--part-1\n", "part-1")[0] == "base64"
    assert encode_body("--part-1\n", "another")[0] == "quoted-printable"


# What is refused


@pytest.mark.parametrize(
    "head", ["Subject: a\r\nBcc: b\r\n", "Subject: a\nb\r\n", "Subject: a\rb\r\n", "", "subject: a\r\n"]
)
def test_finished_headers_are_read_again(head: str) -> None:
    """Should a value ever get past the checks before, the mail is not sent."""
    with pytest.raises(MimeError):
        require_headers(head, ["Subject"])


@pytest.mark.parametrize(
    "bad",
    [
        "\r\nBcc: x@y.example",
        "\n",
        "\r",
        "\x00",
        "\x0b",
        "\x1b[0m",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\ud800",
        "a\tb",
    ],
)
@pytest.mark.parametrize(
    "field",
    [
        "from_name",
        "to_name",
        "subject",
        "reply_to",
        "message_id",
        "list_id",
        "feedback_id",
        "from_address",
        "to_address",
    ],
)
def test_control_characters_are_refused(field: str, bad: str) -> None:
    value = {
        "message_id": "<a{}@b>",
        "from_address": "a{}@b.example",
        "to_address": "a@b{}.example",
        "reply_to": "a{}@b.jp",
    }
    with pytest.raises(MimeError) as raised:
        build(replace(MAIL, **{field: value.get(field, "x{}y").format(bad)}))
    # The sentence may be logged; the value may not.
    assert "x@y.example" not in raised.value.subject
    assert raised.value.sentence


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x.example",
        "https://x.example/ y",
        "https://x.example/>,<https://evil.example",
        "https://x\r\nBcc: a",
        "javascript:x",
        "https://x.example/あ",
    ],
)
def test_unsubscribe_urls_are_plain(url: str) -> None:
    with pytest.raises(MimeError):
        build(replace(MAIL, list_unsubscribe=(url,)))


@pytest.mark.parametrize(
    "name", ["", "From", "bcc", "X Y", "X:", "X\r\nBcc", "Content-Type", "DKIM-Signature", "日本", "x" * 77]
)
def test_extra_headers_cannot_take_the_place_of_others(name: str) -> None:
    with pytest.raises(MimeError):
        build(replace(MAIL, extra=((name, "value"),)))


@given(
    value=st.text(max_size=60),
    field=st.sampled_from(
        [
            "from_name",
            "to_name",
            "subject",
            "reply_to",
            "message_id",
            "list_id",
            "feedback_id",
            "from_address",
            "to_address",
            "boundary",
            "text",
            "html",
            "url",
            "extra",
        ]
    ),
)
def test_no_value_ever_adds_a_header(value: str, field: str) -> None:
    base = replace(
        MAIL,
        html="<p>x</p>",
        reply_to="r@shop.example",
        list_id="l",
        feedback_id="f",
        list_unsubscribe=("https://x.example/",),
        extra=(("X-A", "a"),),
    )
    changes = {"url": {"list_unsubscribe": (f"https://x.example/{value}",)}, "extra": {"extra": (("X-A", value),)}}
    try:
        data = build(replace(base, **changes.get(field, {field: value})))
    except MimeError:
        return
    expected = names_of(build(base))
    if field == "reply_to" and not value:
        expected.remove("Reply-To")
    if field in ("list_id", "feedback_id") and not value:
        expected.remove("List-Id" if field == "list_id" else "Feedback-ID")
    if field == "html" and not value:
        expected.append("Content-Transfer-Encoding")
    assert names_of(data) == expected
    assert_good_lines(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "\ud800"},
        {"html": "\udfff"},
        {"date": datetime(2025, 1, 1)},  # noqa: DTZ001
        {"html": "x", "boundary": ""},
        {"html": "x", "boundary": "a b"},
        {"html": "x", "boundary": "x" * 71},
        {"message_id": "d.1@shop.example"},
        {"from_address": ""},
        {"to_address": "山田@example.jp"},
        {"list_unsubscribe": ("https://x.example/" + "x" * 1000,)},
        {"feedback_id": "x" * 1000},
    ],
)
def test_values_that_no_mail_can_hold_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MimeError):
        build(replace(MAIL, **changes))


def test_date_is_written_with_its_zone() -> None:
    data = build(replace(MAIL, date=datetime(2025, 1, 5, 23, 4, 5, tzinfo=UTC)))
    assert raw_header(data, "Date") == "Sun, 05 Jan 2025 23:04:05 +0000"
