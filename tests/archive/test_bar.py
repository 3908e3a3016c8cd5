"""Where the bar of an archive stands in the HTML of a mailing."""

import pytest

from archive.bar import find_content

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("front", "rest", "is_named"),
    [
        ('<!DOCTYPE html>\n<html><head><title>秋</title></head><body class="a>b">', "<p>x</p></body></html>", True),
        ("<!doctype html>", "<p>x</p>", False),
        ("\ufeff<!doctype html><meta charset=utf-8><style>p{}</style>", "\n<p>x</p>", False),
        ("<html><head></head>", "\nこんにちは", False),
        # For Outlook alone; in a sheet; a title without words.
        (
            "<!--[if mso]><body><![endif]--><style>/*<body>*/</style><title> </title><BODY\nid=b>",
            "<title>x</title>",
            False,
        ),
        ("<!--[if !mso]><!--><link rel='a'><!--<![endif]-->", "<center>x</center>", False),
        ('<body style="a"">', '<p title="x">', False),
        ("", "こんにちは<body>", False),
        ("", "<!-- <body>", False),
        ("", "<title>x<body>", False),
        ("<html>", "<body", False),
        ("", "", False),
    ],
)
def test_the_bar_stands_where_the_content_begins(front, rest, is_named):
    assert find_content(front + rest) == (len(front), is_named)


@pytest.mark.parametrize(
    ("head", "again"),
    [
        *(
            ("", again)
            for again in ("<body aaa", "<body a='", "<title", "<title>", "<!--", "<style>", "<!", "<meta a=\"'>")
        ),
        *(("<title>", again) for again in ("</title ", "</titl", " ")),
        *(("<body ", again) for again in ("=", "= ", "='\"", '="')),
    ],
)
def test_a_page_without_ends_is_read_once(head, again):
    """By a pattern that begins anew at each sign this would take an hour."""
    page = head + again * (4_000_000 // len(again)) + "'"
    assert 0 <= find_content(page)[0] <= len(page)
