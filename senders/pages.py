"""Gathers what the pages of senders and domains show."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from senders.difference import Part, find_difference
from senders.domain_names import display_domain, guess_zone
from senders.freshness import explain_freshness
from senders.lights import Light, light_of, light_of_sender
from senders.lookalike import find_lookalike
from senders.models import CheckKind, CheckResult, DnsCheck, Sender, SenderDomain
from senders.panel_guides import PanelGuide, PanelRecord, adapt, guide_of
from senders.records import ExpectedRecord, expected_records
from senders.shown_checks import ShownCheck, show_check
from senders.verification import CHECK_INTERVAL

# Every domain has a row for these; the others only where there is something to set or to tell.
ALWAYS = (CheckKind.SPF, CheckKind.DKIM, CheckKind.DMARC)
# These make the delivery better, and mail arrives without them: their rows are folded.
EXTRAS = (CheckKind.MTA_STS, CheckKind.TLS_RPT, CheckKind.BIMI)
OPTIONAL = (CheckKind.ED25519, CheckKind.PROOF, CheckKind.RETURN, *EXTRAS)
# Nothing of them is set up for us.
OUTCOMES = (CheckKind.PROOF, CheckKind.HOST)
# What a line of a check begins with for each record that led to it, and how deep lines are shown.
INDENT = "　"
DEEPEST = 4
WHY = {
    CheckKind.SPF: gettext_lazy(
        "このドメインのメールを送ってよいサーバーを宣言します。ない場合は、なりすましと判定されやすくなります。"
    ),
    CheckKind.DKIM: gettext_lazy(
        "メールに付ける電子署名の公開鍵です。送信者が本物で、途中で書き換えられていないことを受信側が確かめられます。"
    ),
    CheckKind.ED25519: gettext_lazy(
        "2つめの電子署名(Ed25519)の公開鍵です。対応している受信側は、RSA の署名とあわせて確かめます。"
    ),
    CheckKind.NEXT_KEY: gettext_lazy("次に使う電子署名の公開鍵です。見つかると、新しい鍵に切り替えられます。"),
    CheckKind.OLD_KEY: gettext_lazy(
        "切り替える前の電子署名の公開鍵です。切り替える前に始まった配信は、この鍵で署名します。"
    ),
    CheckKind.PROOF: gettext_lazy(
        "このドメインから送るのと同じ署名を付けたメールを作り、公開されている鍵で、受信側と同じように確かめた結果です。"
    ),
    CheckKind.DMARC: gettext_lazy(
        "SPF と DKIM の両方に失敗したメールの扱いを、受信側に伝えます。Gmail などへの大量配信では必須です。"
    ),
    CheckKind.RETURN: gettext_lazy(
        "届かなかったメールの知らせ(エラーメール)が戻るドメインです。"
        "お客様のドメインにすると、転送などで電子署名が壊れたメールも、なりすましと判定されにくくなります。"
    ),
    CheckKind.HOST: gettext_lazy(
        "このドメインがメールやホームページに使われていることを示すレコードです。どちらもないと、docomo などで届かないことがあります。"
    ),
    CheckKind.MTA_STS: gettext_lazy("このドメイン宛てのメールを、必ず暗号化して受け取るための宣言です。"),
    CheckKind.TLS_RPT: gettext_lazy("このドメイン宛てのメールの暗号化に失敗したとき、その報告を受け取れます。"),
    CheckKind.BIMI: gettext_lazy("対応しているメールソフトの受信一覧に、ロゴを表示するための設定です。"),
}


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain, its name for people, its light, and what it may be mistaken for."""

    domain: SenderDomain
    name: str
    light: Light
    lookalike: str


@dataclass(frozen=True, slots=True)
class SenderRow:
    """A sender in use, its domain, and its own light."""

    sender: Sender
    domain: DomainRow
    light: Light


@dataclass(frozen=True, slots=True)
class SenderIndex:
    """The page of senders."""

    senders: list[SenderRow]
    domains: list[DomainRow]
    archived: list[Sender]


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of what was looked at; `depth` is how far it is below the checked record, a line without text a heading."""

    tone: str
    label: str
    text: str
    depth: int


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One kind of check: why, what to set as the panel wants it, what was found, how they differ, how fresh that is.

    `instead` is what may be set in the place of `records`.
    """

    kind: CheckKind
    required: bool
    records: tuple[PanelRecord, ...]
    instead: tuple[PanelRecord, ...]
    check: DnsCheck | None
    shown: ShownCheck | None
    tone: str
    difference: tuple[Part, ...]
    freshness: str

    def is_open(self) -> bool:
        """Say whether no check has told yet what is there."""
        return self.check is None or self.check.result == CheckResult.UNKNOWN

    def is_ok(self) -> bool:
        """Say whether nothing is to be done."""
        return self.check is not None and self.check.result == CheckResult.OK

    def is_optional(self) -> bool:
        """Say whether the row is neither required nor advised to everybody."""
        return not self.required and self.kind in OPTIONAL

    def is_outcome(self) -> bool:
        """Say whether it is nothing that one sets up, or that we ask for."""
        return self.kind in OUTCOMES

    def is_folded(self) -> bool:
        """Say whether the row stands among those that mail does without."""
        return not self.required and (self.kind in EXTRAS or (self.kind == CheckKind.HOST and self.is_ok()))

    def uses_instead(self) -> bool:
        """Say whether what was found is the other way to set the record."""
        return bool(self.instead and self.check and self.check.found and not self.check.found.startswith("CNAME "))

    def why(self) -> str:
        """Return what the record is for."""
        return str(WHY[self.kind])

    def lines(self) -> list[LineRow]:
        """Return what the newest check looked at."""
        return [read_line(line) for line in self.check.lines] if self.check else []


@dataclass(frozen=True, slots=True)
class Step:
    """One of the steps of a domain to its verification."""

    label: str
    is_done: bool
    is_current: bool


@dataclass(frozen=True, slots=True)
class DomainPage:
    """The guided page. `zone` is what a panel most likely shows, empty where that is the domain itself."""

    row: DomainRow
    steps: list[Step]
    guide: PanelGuide
    zone: str
    records: list[RecordRow]
    extras: list[RecordRow]
    may_check_at: datetime | None
    is_in_use: bool
    is_removable: bool
    offers_return: bool


def list_senders(workspace: Workspace) -> SenderIndex:
    """Return the senders of a workspace, and its domains: those with a sender in use and those that never had one."""
    domains = SenderDomain.objects.filter(workspace=workspace).prefetch_related("checks")
    rows = {domain.pk: describe_domain(domain) for domain in domains.order_by("name")}
    in_use: list[SenderRow] = []
    archived: list[Sender] = []
    for sender in Sender.objects.filter(workspace=workspace).order_by("name", "pk"):
        if sender.is_archived():
            archived.append(sender)
        else:
            row = rows[sender.domain_id]
            # With what was read of it.
            sender.domain = row.domain
            in_use.append(SenderRow(sender, row, light_of_sender(sender, row.light)))
    past = {sender.domain_id for sender in archived} - {row.sender.domain_id for row in in_use}
    return SenderIndex(in_use, [row for pk, row in rows.items() if pk not in past], archived)


def ask_about(workspace: Workspace, name: str, *, seen: str) -> dict[str, str]:
    """Return what is asked before a domain (ASCII) is registered that looks like another, for senders/_lookalike.html.

    Empty where nothing strikes, where the question about this name was `seen`, and where the workspace has the domain.
    """
    lookalike = find_lookalike(name) if seen != name else ""
    if not lookalike or SenderDomain.objects.filter(workspace=workspace, name=name).exists():
        return {}
    return {"lookalike": lookalike, "name": display_domain(name), "seen": name}


def describe_domain(domain: SenderDomain) -> DomainRow:
    """Return a domain as it is listed."""
    # Who proved a name typed what was meant.
    lookalike = "" if domain.is_verified() else find_lookalike(domain.name)
    return DomainRow(domain, display_domain(domain.name), light_of(domain), lookalike)


def describe_page(domain: SenderDomain, *, now: datetime) -> DomainPage:
    """Return what the guided page of a domain shows. Reads the prefetched `checks`, `dkim_keys` and `senders`."""
    guide = guide_of(domain.panel)
    rows = list_records(domain, guide, now=now)
    senders = list(domain.senders.all())
    zone = guess_zone(domain.name)
    again = domain.check_started_at + CHECK_INTERVAL if domain.check_started_at else now
    return DomainPage(
        row=describe_domain(domain),
        steps=list_steps(domain, rows),
        guide=guide,
        zone="" if zone == domain.name else zone,
        records=[row for row in rows if not row.is_folded()],
        extras=[row for row in rows if row.is_folded()],
        may_check_at=again if again > now else None,
        is_in_use=any(not sender.is_archived() for sender in senders),
        is_removable=not senders,
        offers_return=settings.OWN_RETURN_DOMAINS,
    )


def list_records(domain: SenderDomain, guide: PanelGuide, *, now: datetime) -> list[RecordRow]:
    """Return one row for each kind of check that the domain needs, the required ones first."""
    expected: dict[CheckKind, list[ExpectedRecord]] = defaultdict(list)
    for record in expected_records(domain):
        expected[record.kind].append(record)
    checks = {check.kind: check for check in domain.checks.all()}
    if CheckKind.RETURN not in expected:
        # Of a name that was chosen before OWN_RETURN_DOMAINS was turned off.
        checks.pop(CheckKind.RETURN, None)
    kinds = [kind for kind in CheckKind if kind in ALWAYS or kind in expected or kind in checks]
    shown = {kind: show_check(check, checks) for kind, check in checks.items()}
    rows = [make_row(kind, expected[kind], shown.get(kind), guide, now=now) for kind in kinds]
    return sorted(rows, key=lambda row: (not row.required, row.is_optional()))


def make_row(
    kind: CheckKind, expected: Sequence[ExpectedRecord], shown: ShownCheck | None, guide: PanelGuide, *, now: datetime
) -> RecordRow:
    """Return the row of one kind of check."""
    check = shown.check if shown else None
    keys = [kind.value if number == 1 else f"{kind.value}-{number}" for number in range(1, len(expected) + 1)]
    is_wrong = check is not None and check.result == CheckResult.WRONG
    records = tuple(
        adapt(record, guide, key=key, has_cname=bool(settings.DKIM_CNAME_ZONE))
        for record, key in zip(expected, keys, strict=True)
    )
    # One CNAME is enough, or all of the others are.
    first = 1 if kind == CheckKind.RETURN else len(records)
    wanted = (check.expected if check else "") or "\n".join(record.value for record in expected)
    return RecordRow(
        kind=kind,
        required=kind in settings.REQUIRED_CHECKS,
        records=records[:first],
        instead=records[first:],
        check=check,
        shown=shown,
        tone=shown.tone if shown else "muted",
        difference=find_difference(check.found, wanted) if check and is_wrong else (),
        freshness=explain_freshness(check, now=now) if check else "",
    )


def read_line(line: dict[str, str]) -> LineRow:
    """Return a stored line; the spaces before its label say how deep it lies."""
    label = line["label"].lstrip(INDENT)
    return LineRow(line["tone"], label, line["text"], min(len(line["label"]) - len(label), DEEPEST))


def list_steps(domain: SenderDomain, rows: Sequence[RecordRow]) -> list[Step]:
    """Return the three steps and where the domain stands."""
    required = [row for row in rows if row.required]
    if domain.is_verified():
        current = 3
    elif any(row.check is None for row in required):
        current = 0
    else:
        current = 1 if any(not row.is_ok() and not row.is_open() for row in required) else 2
    labels = (_("今の DNS を調べる"), _("DNS に登録"), _("確認する"))
    return [Step(label, number < current, number == current) for number, label in enumerate(labels)]
