"""Records as the DNS panels of customers want them typed."""

import pytest

from senders.models import CheckKind, DnsPanel
from senders.panel_guides import GUIDES, Apex, adapt, guide_of
from senders.records import ExpectedRecord

SPF = ExpectedRecord(CheckKind.SPF, "shop.example", "@", "v=spf1 a mx ~all")
DKIM = ExpectedRecord(CheckKind.DKIM, "hm1._domainkey.shop.example", "hm1._domainkey", "v=DKIM1; k=rsa; p=" + "x" * 392)
CNAME = ExpectedRecord(
    CheckKind.DKIM, "hm1._domainkey.shop.example", "hm1._domainkey", "hm1.keys.hypermail.example", type="CNAME"
)
MX = ExpectedRecord(CheckKind.RETURN, "bounce.shop.example", "bounce", "10 mx.hypermail.example", type="MX")


def test_every_panel_has_a_guide_that_says_where_it_is_from() -> None:
    assert list(GUIDES) == list(DnsPanel)
    for panel, guide in GUIDES.items():
        assert guide.menu, panel
        assert all(source.url.startswith("https://") for source in guide.sources)
        assert bool(guide.sources) == (panel != DnsPanel.OTHER)
        assert all(source.read for source in guide.sources)


def test_what_no_page_of_a_service_said_is_known_as_such() -> None:
    assert {panel for panel, guide in GUIDES.items() if not guide.is_official()} == {
        DnsPanel.ONAMAE,
        DnsPanel.XSERVER,
        DnsPanel.OTHER,
    }


def test_without_a_choice_the_words_are_neutral() -> None:
    assert guide_of("") is GUIDES[DnsPanel.OTHER]
    shown = adapt(SPF, guide_of(""), key="spf")
    assert (shown.host, shown.host_label, shown.value_label, shown.value) == ("@", "ホスト名", "値", SPF.value)
    assert "空欄" in shown.host_hint


@pytest.mark.parametrize("panel", list(DnsPanel))
def test_the_host_of_the_domain_itself(panel: DnsPanel) -> None:
    guide = GUIDES[panel]
    shown = adapt(SPF, guide, key="spf")
    if guide.apex is Apex.BLANK:
        assert shown.host == ""
        assert "空欄のまま" in shown.host_hint
    else:
        assert shown.host == "@"
        assert bool(shown.host_hint) == (guide.apex is Apex.EITHER)
    assert adapt(DKIM, guide, key="dkim").host == "hm1._domainkey"


def test_route_53_takes_strings_in_quotation_marks() -> None:
    guide = GUIDES[DnsPanel.ROUTE53]
    assert adapt(SPF, guide, key="spf").value == '"v=spf1 a mx ~all"'
    shown = adapt(DKIM, guide, key="dkim")
    first, second = shown.value.split('" "')
    assert first == '"' + DKIM.value[:255]
    assert second == DKIM.value[255:] + '"'
    assert "255文字ごと" in shown.hints[0]
    assert shown.strings == ""
    assert adapt(CNAME, guide, key="dkim").value == CNAME.value


def test_sakura_says_that_a_long_key_may_not_fit() -> None:
    guide = GUIDES[DnsPanel.SAKURA]
    limit, way_out = adapt(DKIM, guide, key="dkim").hints
    assert f"{len(DKIM.value)}文字" in limit
    assert "255文字まで" in limit
    assert "サポート" in way_out
    assert "CNAME" in adapt(DKIM, guide, key="dkim", has_cname=True).hints[1]
    assert adapt(SPF, guide, key="spf").hints == ()


def test_cloudflare_takes_the_value_as_it_is_and_no_proxy() -> None:
    guide = GUIDES[DnsPanel.CLOUDFLARE]
    shown = adapt(DKIM, guide, key="dkim")
    assert (shown.value, shown.strings, shown.hints) == (DKIM.value, "", ())
    assert any("プロキシはオフ" in hint for hint in adapt(CNAME, guide, key="dkim").hints)


def test_where_nothing_is_known_of_long_values_the_strings_are_offered() -> None:
    for panel in (DnsPanel.ONAMAE, DnsPanel.MUUMUU, DnsPanel.XSERVER, DnsPanel.OTHER):
        assert adapt(DKIM, GUIDES[panel], key="dkim").strings.startswith('"v=DKIM1')
        assert adapt(SPF, GUIDES[panel], key="spf").strings == ""


def test_a_name_may_need_its_closing_dot() -> None:
    assert adapt(CNAME, guide_of(""), key="dkim").hints == (
        "行き先の最後に「.」が必要な画面では、「hm1.keys.hypermail.example.」と入力します。",
    )


def test_the_priority_of_a_mail_server_is_told_apart() -> None:
    shown = adapt(MX, guide_of(""), key="return")
    assert (shown.value, shown.priority, shown.host) == ("mx.hypermail.example", "10", "bounce")
