"""DMARC aggregate reports as receivers send them: packed in every way, and hostile ones."""

import gzip
import io
import zipfile
import zlib
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from bounces.dmarc_reading import MAX_ROWS, MAX_XML, AggregateReport, SourceRow, read_dmarc_report

ROW = """<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated>
<disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated></row>
<identifiers><header_from>shop.example</header_from></identifiers>
<auth_results><dkim><domain>shop.example</domain><result>pass</result></dkim></auth_results></record>"""


def row(ip="192.0.2.10", count="12", disposition="none", dkim="pass", spf="pass"):
    return ROW.format(ip=ip, count=count, disposition=disposition, dkim=dkim, spf=spf)


def make_xml(*rows, head="", domain="shop.example", begin="1795000000", end="1795086399", root="<feedback>"):
    return (
        f'<?xml version="1.0" encoding="UTF-8" ?>{head}{root}<report_metadata><org_name>google.com</org_name>'
        f"<email>noreply@google.com</email><report_id>123-abc</report_id><date_range><begin>{begin}</begin>"
        f"<end>{end}</end></date_range></report_metadata><policy_published><domain>{domain}</domain><adkim>r</adkim>"
        f"<p>none</p><sp>none</sp><pct>100</pct></policy_published>{''.join(rows or [row()])}</feedback>"
    ).encode()


def make_mail(data, kind="application/gzip", *, is_whole=False):
    message = EmailMessage()
    message["From"] = "noreply-dmarc-support@google.com"
    message["To"] = "dmarc@bounce.example.com"
    message["Subject"] = "Report domain: shop.example Submitter: google.com Report-ID: 123-abc"
    main, _, sub = kind.partition("/")
    if is_whole:
        message.set_content(data, main, sub, cte="base64")
    else:
        message.set_content("This is a report.")
        message.add_attachment(data, main, sub, filename="google.com!shop.example!1795000000!1795086399.xml.gz")
    return bytes(message)


def zipped(data, name="report.xml"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def test_a_report_says_who_sent_how_many():
    report = read_dmarc_report(
        make_mail(gzip.compress(make_xml(row(), row("2001:db8::1", "3", "reject", "fail", "fail"))))
    )
    assert report == AggregateReport(
        reporter="google.com",
        report_id="123-abc",
        domain="shop.example",
        policy="none",
        begins=datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC),
        ends=datetime(2026, 11, 19, 11, 6, 39, tzinfo=UTC),
        rows=(
            SourceRow("192.0.2.10", 12, "none", dkim=True, spf=True, header_from="shop.example"),
            SourceRow("2001:db8::1", 3, "reject", dkim=False, spf=False, header_from="shop.example"),
        ),
    )


@pytest.mark.parametrize("is_whole", [False, True])
@pytest.mark.parametrize(
    ("pack", "kind"),
    [
        (gzip.compress, "application/gzip"),
        (gzip.compress, "application/octet-stream"),
        (zipped, "application/zip"),
        (bytes, "text/xml"),
        (bytes, "application/xml"),
    ],
)
def test_it_is_found_however_it_is_packed(pack, kind, is_whole):
    assert read_dmarc_report(make_mail(pack(make_xml()), kind, is_whole=is_whole)).rows[0].messages == 12


def test_a_name_space_makes_no_difference():
    for root in ('<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">', "<feedback>"):
        assert read_dmarc_report(make_mail(gzip.compress(make_xml(root=root))))


@pytest.mark.parametrize(
    "bad",
    [
        row(ip="unknown"),
        row(ip="192.0.2.10; drop"),
        row(count="0"),
        row(count="-1"),
        row(count="²"),
        row(count="9" * 40),
        "<record/>",
    ],
)
def test_a_row_that_cannot_be_read_is_left_out(bad):
    assert len(read_dmarc_report(make_mail(gzip.compress(make_xml(bad, row())))).rows) == 1
    assert read_dmarc_report(make_mail(gzip.compress(make_xml(bad)))) is None


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<feedback>",
        b"<?xml version='1.0'?><html/>",
        make_xml(domain=""),
        make_xml(begin="yesterday"),
        make_xml(begin="1795086399", end="1795000000"),
        make_xml(begin="0", end="99999999999"),
        make_xml(head='<!DOCTYPE feedback [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'),
        make_xml(head='<!DOCTYPE feedback SYSTEM "file:///etc/passwd">'),
        make_xml("<a>" * 30 + "</a>" * 30),
        make_xml().replace(b"UTF-8", b"no-such-code"),
        make_xml()[:-20],
        b"\xff\xfe" + make_xml(),
    ],
)
def test_what_is_no_report_is_none(xml):
    assert read_dmarc_report(make_mail(gzip.compress(xml))) is None


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(make_xml())[:-30],
        b"\x1f\x8b" + b"\x00" * 50,
        b"PK\x03\x04" + b"\x00" * 50,
        zipped(make_xml(), "report.txt"),
        zipped(make_xml())[:-10],
        zlib.compress(make_xml()),
    ],
)
def test_a_damaged_file_is_none(data):
    assert read_dmarc_report(make_mail(data)) is None or data.startswith(b"\x1f\x8b")


def test_a_bomb_is_not_unpacked_to_its_end():
    assert read_dmarc_report(make_mail(gzip.compress(b"<feedback>" + b" " * (MAX_XML * 3)))) is None
    assert read_dmarc_report(make_mail(zipped(b"<feedback>" + b" " * (MAX_XML * 3)))) is None


def test_rows_beyond_the_limit_are_left_out():
    report = read_dmarc_report(make_mail(gzip.compress(make_xml(*[row()] * (MAX_ROWS + 10)))))
    assert len(report.rows) == MAX_ROWS


def test_control_characters_and_long_words_stay_out():
    xml = make_xml().replace(b"google.com</org_name>", "グー\u202eグル\n商会".encode() + b"x" * 5000 + b"</org_name>")
    reporter = read_dmarc_report(make_mail(gzip.compress(xml))).reporter
    assert reporter.startswith("グー グル 商会")
    assert len(reporter) <= 200


def test_an_ordinary_mail_holds_none():
    message = EmailMessage()
    message["Subject"] = "Report domain: shop.example Submitter: x Report-ID: y"
    message.set_content("<feedback> is a word here")
    assert read_dmarc_report(bytes(message)) is None
