"""What a design still lacks is told at its block."""

import pytest

from designs.blocks import BlockKind, new_block, read_design
from designs.gaps import find_gaps
from tests.designs.samples import full_design, one

pytestmark = pytest.mark.once


def fields(*blocks: dict[str, object], pictures: tuple[int, ...] = ()) -> list[tuple[str, str]]:
    """Return the places and fields of what blocks lack."""
    design = read_design({"blocks": list(blocks)})
    found = find_gaps(design, pictures)
    assert all(gap.sentence for gap in found)
    return [(gap.place, gap.field) for gap in found]


def test_a_finished_mail_lacks_nothing():
    assert find_gaps(full_design(), {5, 6, 7}) == []


@pytest.mark.parametrize(
    ("kind", "lacking"),
    [
        *(("heading", ["text"]), ("text", ["html"]), ("picture", ["picture"]), ("button", ["label", "href"])),
        *(("divider", []), ("columns", ["left"]), ("product", ["name"]), ("sns", ["links"]), ("footer", [])),
        ("html", ["html"]),
    ],
)
def test_a_new_block_lacks_what_makes_it_one(kind, lacking):
    block = new_block(BlockKind(kind))
    assert fields(block.as_json()) == [(block.id, field) for field in lacking]


def test_pictures_have_to_be_there_and_those_with_links_have_words():
    assert fields(one("picture", picture=5), pictures=(5,)) == []
    assert fields(one("picture", picture=5), pictures=(6,)) == [("abcd", "picture")]
    assert fields(one("picture", src="https://a.example/a.png", href="https://a.example/")) == [("abcd", "alt")]
    assert fields(one("product", name="皿", picture=5, label="買う")) == [("abcd", "href"), ("abcd", "picture")]


def test_what_lacks_in_a_column_is_told_there():
    assert fields(one("columns", left=[one("button", label="x") | {"id": "inner"}])) == [("inner", "href")]
