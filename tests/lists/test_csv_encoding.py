"""Which encoding a file is taken for (F2)."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lists.csv_encoding import detect_encoding, scan_file
from lists.exceptions import UnreadableFile

ORDINARY = "メールアドレス,氏名,会社名\r\ntaro@example.jp,山田 太郎,株式会社みほん\r\n"


def detect(content: bytes) -> str:
    return detect_encoding(scan_file(BytesIO(content)))


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp932", "cp932"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("euc_jp", "euc_jp"),
        ("iso2022_jp", "iso2022_jp_ext"),
    ],
)
def test_tells_the_encodings_of_an_ordinary_file_f2(codec: str, expected: str) -> None:
    """F2."""
    assert detect(ORDINARY.encode(codec)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "山田",
        "東京都",
        "あ",
        "ア",
        "髙﨑",
        "①㈱",
        "澤邊 齋藤 廣",
        "表示ソ能",
        "ﾔﾏﾀﾞ ﾀﾛｳ",
        "ﾔﾏﾀﾞ",
        "ｻﾄｳ",
        "ｻｳﾅﾄ",
        "ｶﾌﾞｼｷｶﾞｲｼｬ",
        "ｽｽﾞｷ,ｲﾁﾛｰ",
        "ﾃｲ",
        "ABCｼｮｳｼﾞ",
    ],
)
@pytest.mark.parametrize("frame", ["email,name\r\na@example.jp,{}\r\n", "{},a@example.jp", "氏名\r\n{}\r\n"])
def test_short_cp932_and_half_width_kana_stay_cp932(text: str, frame: str) -> None:
    assert detect(frame.format(text).encode("cp932")) == "cp932"


@pytest.mark.parametrize("name", ["José", "Müller", "𠮷野家", "はしご高は髙", "😀", "ﾔﾏﾀﾞ", "Łukasz", "~−〜"])
def test_unusual_names_in_utf_8_stay_utf_8(name: str) -> None:
    assert detect(f"email,name\na@example.jp,{name}\n".encode()) == "utf-8-sig"


@pytest.mark.parametrize("text", ["氏名", "メール,ヨミ", "山田,ひろし", "電話番号,都道府県", "ﾔﾏﾀﾞ,かな"])
def test_euc_jp_with_a_japanese_header_is_found(text: str) -> None:
    assert detect(f"email,{text}\na@example.jp,x\n".encode("euc_jp")) == "euc_jp"


def test_half_width_kana_in_iso_2022_jp() -> None:
    assert detect("email\nｱｲｳ,山田\n".encode("iso2022_jp_ext")) == "iso2022_jp_ext"


def test_ascii_is_read_as_utf_8() -> None:
    assert detect(b"email\na@example.jp\n") == "utf-8-sig"


def test_japanese_that_comes_late_in_a_long_file_decides() -> None:
    rows = b"a@example.jp,Taro\r\n" * 100_000
    assert detect(rows + "b@example.jp,花子\r\n".encode("cp932")) == "cp932"
    assert detect(rows + "b@example.jp,花子さん\r\n".encode("euc_jp") * 20_000) == "euc_jp"


@pytest.mark.parametrize("offset", range(4))
def test_a_character_cut_by_the_end_of_the_sample_is_no_fault(offset: int) -> None:
    text = "x" * offset + "山田太郎" * 70_000
    for codec, expected in (("utf-8", "utf-8-sig"), ("cp932", "cp932")):
        assert detect(text.encode(codec)) == expected


def test_one_damaged_row_does_not_hide_the_encoding() -> None:
    good = "taro@example.jp,山田 太郎,株式会社みほん\r\n" * 20
    assert detect(good.encode("cp932") + "次郎".encode() + b",\r\n" + good.encode("cp932")) == "cp932"
    assert detect(good.encode() + b"\x8e\x52\x93\x63,\r\n" + good.encode()) == "utf-8-sig"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00" + bytes(100), "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "パスワード付きのExcel"),
        (b"%PDF-1.7\n", "CSVファイルではない"),
        (b"email\na@example.jp\0\n", "NUL"),
        (b"\xef\xbb\xbfemail\na@example.jp\0\n", "NUL"),
        (b"email,name\na@example.jp," + bytes(range(0x80, 0x100)) * 20, "文字コードを判別できません"),
        ("Имя,Город\nИван,Санкт-Петербург\nОльга,Москва\n".encode("cp1251"), "文字コードを判別できません"),
    ],
)
def test_what_is_no_text_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        detect(content)


JAPANESE = st.text(
    st.sampled_from("あいうえおかがアイウエオガンー山田太郎花子東京都大阪府株式会社鈴木佐藤高橋"), min_size=3
)


@given(JAPANESE)
def test_japanese_in_utf_8_and_cp932_is_never_confused(text: str) -> None:
    assert detect(text.encode()) == "utf-8-sig"
    assert detect(text.encode("cp932")) == "cp932"


@given(st.binary(max_size=2000))
def test_any_bytes_have_an_encoding_or_a_sentence(content: bytes) -> None:
    try:
        encoding = detect(content)
    except UnreadableFile:
        return
    assert isinstance(content.decode(encoding, "replace"), str)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_little_ascii_is_told_by_its_addresses_f2(codec: str) -> None:
    """F2."""
    row = "taro@example.jp,山田太郎," + "東京都千代田区丸の内" * 12 + "\r\n"
    assert detect(("メールアドレス,氏名,住所\r\n" + row * 10).encode(codec)) == codec
