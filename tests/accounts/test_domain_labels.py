"""Domain names in the letters of all languages, as the DNS has them."""

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.domain_labels import to_a_labels


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("日本語.jp", "xn--wgv71a119e.jp"),
        ("みほん。example", "xn--79jh5d.example"),
        ("a．日本｡jp", "a.xn--wgv71a.jp"),
        ("Mail.ＢÜCHER.De", "mail.xn--bcher-kva.de"),
        # Other domains than fass.de and those without the joiner or with the usual sigma (UTS #46, table of deviations).
        ("faß.de", "xn--fa-hia.de"),
        ("FAẞ.de", "xn--fa-hia.de"),
        ("βόλος.gr", "xn--nxasmm1c.gr"),
        ("ΒΌΛΟΣ.gr", "xn--nxasmq6b.gr"),
        ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),
        ("ශ්\u200dරී.lk", "xn--10cl1a0b660p.lk"),
        # No names of IDNA 2008, yet registered under several top-level domains and reached by mail.
        ("❤.ws", "xn--qei.ws"),
        ("❤\ufe0f.ws", "xn--qei.ws"),
        ("i😀.ws", "xn--i-jv3s.ws"),
        # Whoever asks says what is wrong with the rest of the name.
        ("日本語..jp.", "xn--wgv71a119e..jp."),
    ],
)
def test_writes_each_label_in_ascii(name: str, expected: str) -> None:
    assert to_a_labels(name) == expected


def test_leaves_ascii_as_it_is() -> None:
    assert to_a_labels("Exa_mple.JP" + "x" * 5000) == "Exa_mple.JP" + "x" * 5000


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("é" * 64 + ".jp", "label_too_long"),
        ("あ" * 60 + ".jp", "label_too_long"),
        ("あ" * 100_000, "input_too_long"),
        ("\udcff.jp", "uts46_disallowed"),
        ("日\x00本\ue000.jp", "uts46_disallowed"),
        ("xn--日本.jp", "hyphen_3_4"),
        ("-日本.jp", "hyphen_start_end"),
        ("日本-.jp", "hyphen_start_end"),
        ("\u0301a.jp", "leading_combiner"),
        # A joiner between letters that know none.
        ("日\u200d本.jp", "contextj"),
        ("\u200c日本.jp", "contextj"),
        ("👨\u200d👩.ws", "contextj"),
    ],
)
def test_refuses_what_is_no_name(name: str, code: str) -> None:
    with pytest.raises(idna.IDNAError) as refused:
        to_a_labels(name)
    assert refused.value.code == code


@given(st.text(max_size=80))
@example("\x01\u200c")
@example("\U000e0100\u200d.jp")
def test_every_text_becomes_ascii_or_is_refused_and_keeps(name: str) -> None:
    try:
        written = to_a_labels(name)
    except idna.IDNAError:
        return
    assert written.isascii()
    assert to_a_labels(written) == written


@given(st.text("abßςσあ日本ー-éü😀", min_size=1, max_size=20))
def test_agrees_with_idna_2008_where_that_knows_the_name(label: str) -> None:
    try:
        expected = idna.encode(label, uts46=True).decode()
    except idna.IDNAError:
        return
    assert to_a_labels(label) == expected or label.isascii()
