"""A file judged from its first row to its report."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from openpyxl import Workbook
from pytest_django import Settings

from accounts.models import Workspace
from cleaning.flaws import Flaw, count_flaw
from cleaning.running import MAX_ATTEMPTS, is_waiting, lock, run_cleaning
from cleaning.work import Cleaning, Report
from lists.erasing import digest_of
from lists.models import ErasedAddress, Exclusion
from mta.mx import MxResolver
from tests.cleaning.clock import NOW
from tests.cleaning.conftest import Cleaner
from tests.factories import make_errors, make_list, make_subscriber, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db
NO_DNS = MxResolver(["127.0.0.1:9"])


def report_of(cleaning: Cleaning) -> Report:
    report = cleaning.report()
    assert report is not None
    assert report.is_over
    return report


def counts(cleaning: Cleaning) -> dict[str, int]:
    report = report_of(cleaning)
    return {flaw.value: number for flaw in Flaw if (number := count_flaw(report.masks, flaw))}


def test_a_clean_file_stays_whole(judge_file: Cleaner) -> None:
    cleaning = judge_file("メールアドレス,氏名\na@example.jp,山田\nb@example.jp,佐藤\n")
    assert (report_of(cleaning).rows, report_of(cleaning).problem, counts(cleaning)) == (2, "", {})


def test_what_the_workspace_knows_of_an_address_a11(judge_file: Cleaner, workspace: Workspace) -> None:
    mailing_list = make_list(workspace)
    stopped = {"status": "stopped", "stopped_at": NOW}
    make_subscriber(mailing_list, "errors@example.jp", stop_reason="errors", **stopped)
    make_subscriber(mailing_list, "manual@example.jp", stop_reason="manual", **stopped)
    make_subscriber(mailing_list, "gone@example.jp", stop_reason="unsubscribed", **stopped)
    make_subscriber(mailing_list, "angry@example.jp", stop_reason="complaint", **stopped)
    make_errors(make_subscriber(mailing_list, "ill@example.jp"), 2)
    make_subscriber(mailing_list, "well@example.jp")
    Exclusion.objects.create(workspace=workspace, kind="domain", value="rival.example", reason="競合他社")
    Exclusion.objects.create(workspace=None, kind="address", value="trap@example.com", reason="運営者のメモ")
    ErasedAddress.objects.create(workspace=workspace, digest=digest_of(workspace.pk, "erased@example.jp"), at=NOW)
    names = "errors@ manual@ gone@ ANGRY@ ill@ well@ erased@".replace("@", "@example.jp")
    cleaning = judge_file("email\n" + "\n".join([*names.split(), "boss@mail.rival.example", "trap@example.com"]))
    assert counts(cleaning) == {"stopped": 2, "unsubscribed": 2, "past_errors": 1, "excluded": 2, "erased": 1}
    samples = report_of(cleaning).samples
    assert samples["stopped"][0] == (2, "errors@example.jp", "エラー停止 2026/05/01")
    assert [line for line, _value, _said in samples["unsubscribed"]] == [4, 5]
    assert samples["past_errors"] == [(6, "ill@example.jp", "エラー2回")]
    assert samples["excluded"][0][2] == "rival.example 競合他社"
    # Why the operator excludes somebody is the operator's own affair.
    assert samples["excluded"][1][2] == "trap@example.com(システム全体の除外リスト)"


def test_another_workspaces_people_mean_nothing(judge_file: Cleaner) -> None:
    other = make_workspace()
    make_subscriber(make_list(other), "a@example.jp", status="stopped")
    Exclusion.objects.create(workspace=other, kind="domain", value="example.jp")
    ErasedAddress.objects.create(workspace=other, digest=digest_of(other.pk, "a@example.jp"), at=NOW)
    assert counts(judge_file("email\na@example.jp\n")) == {}


def test_an_exclusion_that_is_over_holds_no_more(judge_file: Cleaner, workspace: Workspace) -> None:
    over = NOW - timedelta(days=1)
    Exclusion.objects.create(workspace=workspace, kind="address", value="a@example.jp", expires_at=over)
    assert counts(judge_file("email\na@example.jp\n")) == {}


def test_what_a_row_says_by_itself_a11(judge_file: Cleaner) -> None:
    rows = [
        "email,name",
        "a@example.jp,1",
        "broken,2",
        "A@EXAMPLE.JP,3",
        "email,name",
        "x@mailinator.com,5",
        "taro@gmial.com,6",
        "b@example.jp,7,8,9",
        "",
        "a@example.jp,10",
    ]
    cleaning = judge_file("\r\n".join(rows))
    assert counts(cleaning) == {"format": 3, "duplicate": 2, "disposable": 1, "typo": 1}
    samples = report_of(cleaning).samples
    assert samples["format"][0] == (3, "broken", "「@」がありません。")
    assert "見出しの行" in samples["format"][1][2]
    assert samples["duplicate"] == [(4, "A@EXAMPLE.JP", "2行目と同じ"), (10, "a@example.jp", "2行目と同じ")]
    assert samples["typo"] == [(7, "taro@gmial.com", "taro@gmail.com")]


def test_old_carrier_addresses_are_told_and_stay_f1(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na..b@docomo.ne.jp\na.@ezweb.ne.jp\nc@docomo.ne.jp\n")
    assert counts(cleaning) == {}
    assert report_of(cleaning).carrier_dots == 2


def test_one_row_may_have_several_flaws(judge_file: Cleaner, workspace: Workspace) -> None:
    make_subscriber(make_list(workspace), "a@gmial.com", status="stopped")
    cleaning = judge_file("email\na@gmial.com\na@gmial.com\n")
    assert counts(cleaning) == {"duplicate": 1, "stopped": 2, "typo": 2}
    assert sum(report_of(cleaning).masks.values()) == 2


def test_domains_that_take_no_mail_e7(judge_file: Cleaner, zones: ZoneServer, resolver: MxResolver) -> None:
    zones.failing.add("ill.example")
    hosts = ["shop", "plain", "nowhere", "null", "ill", "nowhere"]
    content = "名前,email\n" + "".join(f"山田,u{n}@{host}.example\n" for n, host in enumerate(hosts))
    cleaning = judge_file(content, resolver=resolver)
    assert counts(cleaning) == {"no_domain": 3}
    report = report_of(cleaning)
    assert [line for line, _value, _said in report.samples["no_domain"]] == [4, 5, 7]
    assert report.samples["no_domain"][0][1] == "u2@nowhere.example"
    # What could not be asked takes nobody out, and is told.
    assert (report.domains, report.domains_asked, report.domains_unknown, report.is_dns_silent) == (5, 5, 1, False)


def test_the_sample_of_a_row_that_by_itself_does_not_parse(
    judge_file: Cleaner, zones: ZoneServer, resolver: MxResolver
) -> None:
    # The shift to Japanese in the second row goes on into the third, whose first bytes are a quote by themselves.
    rows = [b"name,email", b'\x1b$B$"$$\x1b(B,a@shop.example\x1b$B', b'"!\x1b(B,b@nowhere.example', b""]
    cleaning = judge_file(b"\r\n".join(rows), resolver=resolver)
    assert report_of(cleaning).problem == ""
    [(line, value, _said)] = report_of(cleaning).samples["no_domain"]
    assert line == 3
    assert "b@nowhere.example" in value


def test_a_silent_dns_takes_nobody_out(judge_file: Cleaner) -> None:
    silent = MxResolver(["127.0.0.1:9"], server_timeout=0.1, question_timeout=0.1)
    content = "email\n" + "".join(f"a@domain{number}.example\n" for number in range(100))
    cleaning = judge_file(content, resolver=silent)
    assert counts(cleaning) == {}
    assert report_of(cleaning).is_dns_silent


def test_nothing_is_stored_in_any_table_a11(judge_file: Cleaner, workspace: Workspace) -> None:
    make_subscriber(make_list(workspace), "a@example.jp", status="stopped")

    def sizes() -> dict[str, int]:
        return {model._meta.label: model._base_manager.count() for model in apps.get_models()}

    before = sizes()
    judge_file("email\na@example.jp\nb@example.jp\n")
    assert sizes() == before


def test_a_workbook_is_judged_by_excels_lines(judge_file: Cleaner, tmp_path: Path) -> None:
    book = Workbook()
    rows = [
        ["メールアドレス", "氏名"],
        ["a@example.jp", "山田"],
        ["", ""],
        ["broken", "佐藤"],
        ["b@example.jp", "鈴木"],
    ]
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    cleaning = judge_file((tmp_path / "book.xlsx").read_bytes(), "book.xlsx")
    assert (report_of(cleaning).rows, counts(cleaning)) == (3, {"format": 1})
    assert report_of(cleaning).samples["format"][0][:2] == (4, "broken")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [('email\na@example.jp\n"b@example.jp\n', "引用符"), ("email\n" + "x" * 100_001, "長すぎます")],
)
def test_a_file_that_breaks_off_says_why(begin_file: Cleaner, content: str, sentence: str) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    cleaning.upload.write_text(content)
    assert run_cleaning(cleaning, resolver=NO_DNS, now=NOW)
    assert sentence in report_of(cleaning).problem


def test_too_many_rows_are_refused(judge_file: Cleaner, settings: Settings) -> None:
    settings.CLEANING_MAX_ROWS = 2
    cleaning = judge_file("email\na@example.jp\nb@example.jp\nc@example.jp\n")
    assert "2行まで" in report_of(cleaning).problem


def test_a_file_is_judged_once(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    assert not is_waiting(cleaning, cleaning.about())
    assert not run_cleaning(cleaning, resolver=NO_DNS, now=NOW)


def test_a_file_that_somebody_judges_is_left_to_him(begin_file: Cleaner) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    with lock(cleaning) as is_mine:
        assert is_mine
        assert not is_waiting(cleaning, cleaning.about())
        assert not run_cleaning(cleaning, resolver=NO_DNS, now=NOW)
    assert is_waiting(cleaning, cleaning.about())


def test_a_file_whose_process_died_is_judged_anew(begin_file: Cleaner) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    cleaning.write_report(Report(rows=1, attempts=1, masks={0: 1}))
    assert is_waiting(cleaning, cleaning.about())
    assert run_cleaning(cleaning, resolver=NO_DNS, now=NOW)
    assert (report_of(cleaning).rows, report_of(cleaning).attempts) == (1, 2)


def test_a_file_that_kills_every_process_is_given_up(begin_file: Cleaner) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    cleaning.write_report(Report(attempts=MAX_ATTEMPTS))
    assert run_cleaning(cleaning, resolver=NO_DNS, now=NOW)
    assert "何度も中断" in report_of(cleaning).problem


def test_a_file_that_was_not_started_waits_for_its_owner(begin_file: Cleaner) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    about = cleaning.about()
    about.column = -1
    cleaning.write_about(about)
    assert not is_waiting(cleaning, about)
    assert not run_cleaning(cleaning, resolver=NO_DNS, now=NOW)


def test_deleted_while_it_runs(begin_file: Cleaner, zones: ZoneServer) -> None:
    class Deleting(MxResolver):
        async def find_servers(self, domain: str):
            cleaning.delete()
            return await super().find_servers(domain)

    cleaning = begin_file("email\na@nowhere.example\n", asks_dns=True)
    about = cleaning.about()
    assert not run_cleaning(cleaning, resolver=Deleting([zones.address]), now=NOW)
    assert not cleaning.folder.exists()
    assert not run_cleaning(cleaning, resolver=NO_DNS, now=NOW)
    assert not is_waiting(cleaning, about)


def test_the_report_holds_no_more_than_samples(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@example.jp\n" + "broken\n" * 3000)
    kept = json.loads((cleaning.folder / "report.json").read_text())
    assert len(kept["samples"]["format"]) == 5
    assert kept["masks"] == {"0": 1, "1": 3000}
