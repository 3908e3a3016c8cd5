"""特定電子メール法 (F4): what must stand in both parts."""

import pytest

from campaigns.legal import REQUIRED, add_html_footer, add_text_footer, missing_items


@pytest.mark.parametrize("add", [add_text_footer, add_html_footer])
def test_adds_what_is_missing_to_both_parts(add):
    """F4, A17."""
    assert missing_items(add("本文")) == []


@pytest.mark.parametrize("add", [add_text_footer, add_html_footer])
def test_leaves_a_part_alone_that_names_everything(add):
    whole = " ".join("{{" + tag + "}}" for tag in REQUIRED)
    assert add(whole) == whole


@pytest.mark.parametrize("tag", REQUIRED)
def test_adds_only_the_item_that_is_missing(tag):
    others = " ".join("{{" + other + "}}" for other in REQUIRED if other != tag)
    added = add_text_footer(others).removeprefix(others)
    assert "{{" + tag + "}}" in added
    assert added.count("{{") == 1


def test_the_html_footer_stands_before_the_end_of_the_body():
    page = add_html_footer("<html><BODY><p>本文</p></BODY></html>")
    assert page.endswith("</BODY></html>")
    assert page.index("{{unsubscribe_url}}") < page.index("</BODY>")
