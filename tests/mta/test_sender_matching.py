"""The match rule of routes, row by row as ebisumart states it (E16), and what people type besides."""

import pytest

from mta.sender_matching import is_entry, matches, split_entries


@pytest.mark.parametrize(
    ("setting", "sender", "result"),
    [
        ("interfactory1.co.jp", "test@interfactory1.co.jp", True),
        ("interfactory1.co.jp", "test@example.com", False),
        ("interfactory1.co.jp", "test@test.interfactory1.co.jp", True),
        ("interfactory1.co.jp", "test@testinterfactory1.co.jp", False),
        ("interfactory1.co.jp,example.co.jp", "test@interfactory1.co.jp", True),
        ("interfactory1.co.jp\ntest.com", "test@interfactory1.co.jp", True),
        ("test@testinterfactory1.co.jp", "test@testinterfactory1.co.jp", True),
        ("test@testinterfactory1.co.jp", "test@example.com", False),
        ("", "test@testinterfactory1.co.jp", False),
    ],
    ids=[f"row {number}" for number in range(1, 10)],
)
def test_match_table(setting: str, sender: str, result: bool) -> None:
    """E16"""
    assert matches(setting, sender) is result


@pytest.mark.parametrize(
    ("setting", "sender", "result"),
    [
        ("a.example, b.example ,c.example", "x@b.example", True),
        ("a.example,,\r\n\r\n b.example\r\n", "x@b.example", True),
        # Full width: comma, space, letters and dot.
        ("a.example\uff0cb.example", "x@b.example", True),
        ("a.example、b.example", "x@b.example", True),
        ("\u3000a.example\u3000\n\u3000b.example\u3000", "x@b.example", True),
        ("shop.example", "x@shop.example", True),
        ("Shop.Example", "News@SHOP.example", True),
        ("SHOP.EXAMPLE", "news@shop.example", True),
        ("News@Shop.Example", "news@shop.example", True),
        ("日本語.jp", "news@xn--wgv71a119e.jp", True),
        ("xn--wgv71a119e.jp", "news@店.日本語.jp", True),
        ("日本語。jp", "news@日本語.jp", True),
        (".shop.example", "news@shop.example", True),
        (".shop.example", "news@www.shop.example", True),
        ("@shop.example", "news@shop.example", True),
        ("@shop.example", "news@www.shop.example", True),
        ("shop.example.", "news@shop.example", True),
        # An entry with @ is that address alone: nothing below it, nobody beside it.
        ("news@shop.example", "info@shop.example", False),
        ("news@shop.example", "news@www.shop.example", False),
        ("www.shop.example", "news@shop.example", False),
        # Nothing that is no domain or address means everybody.
        (",\n ,", "news@shop.example", False),
        ("@", "news@shop.example", False),
        (".", "news@shop.example", False),
        ("*", "news@shop.example", False),
        ("a b@shop.example", "a b@shop.example", False),
        ("shop example", "news@shop.example", False),
        ("shop.example", "", False),
        ("shop.example", "shop.example", False),
        ("shop.example", "@shop.example", False),
        ("shop.example", "news@", False),
        # The last @ ends the local part.
        ("shop.example", '"a@shop.example"@evil.example', False),
    ],
)
def test_what_people_type(setting: str, sender: str, result: bool) -> None:
    assert matches(setting, sender) is result


def test_entries_are_told_from_anything_else() -> None:
    entries = split_entries(
        "shop.example, news@shop.example\n@日本語.jp、http://shop.example/ \n localhost\na b.example"
    )
    assert [(entry, is_entry(entry)) for entry in entries] == [
        ("shop.example", True),
        ("news@shop.example", True),
        ("日本語.jp", True),
        ("http://shop.example/", False),
        ("localhost", False),
        ("a b.example", False),
    ]
