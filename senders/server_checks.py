"""Checks the installation's own servers in the DNS: names of the sending addresses, our SPF records, blocklists. Writes nothing."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders import spf
from senders.check_store import BAD
from senders.dns import Absent, Answer, CouldNotAsk, Found, RecordType, Resolver
from senders.dns_budget import BudgetResolver
from senders.domain_names import is_ip_address
from senders.models import CheckResult, ServerCheckKind
from senders.outcomes import CheckOutcome, CheckSubject
from senders.spf_audit import audit
from senders.spf_check import evaluate
from senders.spf_evaluation import Address
from senders.spf_report import SpfResult
from senders.spf_words import RESULT_WORDS, explain_trouble
from senders.verification import sees_the_world

# Seconds and questions of one look: a person may wait for it, and other tasks for its process.
SECONDS = 8.0
QUESTIONS = 600
AT_ONCE = 8
# What ends a name that only the machine itself or its network knows; a name of one label is none either.
LOCAL_ENDS = ("localdomain", "localhost", "local", "internal", "lan")
# Names that one reverse name may have to be looked at, as RFC 7208 section 5.5 has it.
NAMES_LIMIT = 10
# A list tells by other addresses in this network that it refuses to answer, such as Spamhaus to public resolvers.
LOOPBACK = "127."
REFUSALS = "127.255.255."
# What every list must have, and must not have (RFC 5782 section 5): by them one that is down or gone is known.
LISTED = {4: ip_address("127.0.0.2"), 6: ip_address("::ffff:7f00:2")}
UNLISTED = {4: ip_address("127.0.0.1"), 6: ip_address("::ffff:7f00:1")}

NOT_ANSWERED = gettext_lazy("DNS サーバーから応答がなく、確認できませんでした。時間をおいてもう一度お試しください。")


@dataclass(frozen=True, slots=True)
class ServerOutcome:
    """What a check of the installation says about a sending address or a name."""

    kind: ServerCheckKind
    subject: str
    outcome: CheckOutcome


Question = tuple[ServerCheckKind, str, Callable[[], CheckOutcome]]


def own_servers() -> CheckSubject:
    """Return the installation as the checks see it, from the settings."""
    return CheckSubject(
        domain="",
        return_name=settings.RETURN_DOMAIN,
        include=settings.SPF_INCLUDE,
        ips=tuple(ip_address(address) for address in settings.SENDING_IPS),
        host=settings.EHLO_NAME,
    )


def check_servers(subject: CheckSubject, resolver: Resolver, *, blocklists: Sequence[str] = ()) -> list[ServerOutcome]:
    """Ask the DNS about each sending address and about the names that we use; writes nothing.

    Without sending addresses there is nothing to check. A DNS that is blind, which would call everything missing, is not
    believed.
    """
    if not subject.ips:
        return []
    resolver = BudgetResolver(resolver, seconds=SECONDS, questions=QUESTIONS)
    questions = list(list_questions(subject, resolver, blocklists))
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        pending = [(kind, about, pool.submit(ask)) for kind, about, ask in questions]
        outcomes = [ServerOutcome(kind, about, future.result()) for kind, about, future in pending]
    if any(one.outcome.result in BAD for one in outcomes) and not sees_the_world(resolver):
        advice = _(
            "このシステムの DNS サーバーがインターネットの名前を見つけられません。DNS の設定を確認してください。"
        )
        unknown = CheckOutcome(CheckResult.UNKNOWN, advice=advice)
        return [replace(one, outcome=unknown) for one in outcomes]
    return outcomes


def list_questions(subject: CheckSubject, resolver: Resolver, blocklists: Sequence[str]) -> Iterator[Question]:
    """Yield each check with what it is about."""
    target = spf.include_target(subject.include)
    yield ServerCheckKind.EHLO, subject.host, partial(check_ehlo, subject, resolver)
    yield ServerCheckKind.RETURN_MX, subject.return_name, partial(check_mx, subject.return_name, resolver)
    for ip in subject.ips:
        yield ServerCheckKind.PTR, str(ip), partial(check_ptr, ip, subject.host, resolver)
        if target:
            yield ServerCheckKind.INCLUDE, str(ip), partial(check_include, ip, target, subject, resolver)
        yield ServerCheckKind.RETURN_SPF, str(ip), partial(check_return_spf, ip, subject, resolver)
        for zone in blocklists:
            yield ServerCheckKind.BLOCKLIST, f"{zone} {ip}", partial(check_blocklist, ip, zone, resolver)


def check_ptr(ip: Address, host: str, resolver: Resolver) -> CheckOutcome:
    """Look for the reverse name of an address, and for the address behind that name (RFC 1912 section 2.1).

    That is forward-confirmed reverse DNS, as receivers ask for it (RFC 8601 section 2.7.3, "iprev").
    """
    answer = resolver.find(ip.reverse_pointer, RecordType.PTR)
    if isinstance(answer, CouldNotAsk):
        return unanswered()
    if isinstance(answer, Absent):
        advice = _(
            "逆引き(PTR)がありません。IP アドレスの提供元(データセンターやクラウド)に、逆引きを %(host)s にするよう申し込んでください。"
        )
        return CheckOutcome(CheckResult.MISSING, advice=advice % {"host": name_server(host)})
    found = "\n".join(answer.values[:NAMES_LIMIT])
    answers = {name: find_addresses(name, ip.version, resolver) for name in answer.values[:NAMES_LIMIT]}
    confirmed = [name for name, there in answers.items() if isinstance(there, Found) and holds(there, ip)]
    if confirmed:
        return CheckOutcome(CheckResult.OK, found, advise_name(confirmed, host))
    if any(isinstance(there, CouldNotAsk) for there in answers.values()):
        return unanswered(found)
    advice = _(
        "逆引きの名前 %(name)s を引いても、%(ip)s に戻りません。%(name)s の %(type)s レコードに %(ip)s を加えるか、逆引きを %(host)s に変えてください。"
    )
    values = {"name": answer.values[0][:100], "ip": ip, "type": address_type(ip.version), "host": name_server(host)}
    return CheckOutcome(CheckResult.WRONG, found, advice % values)


def is_public_name(host: str) -> bool:
    """Say whether a name may be known outside of this machine: "localhost", the default of EHLO_NAME, is not."""
    return "." in host and not is_ip_address(host) and host.lower().rpartition(".")[2] not in LOCAL_ENDS


def name_server(host: str) -> str:
    """Return how people are told to call the server: by EHLO_NAME, in plain words while that is none."""
    return host if is_public_name(host) else _("送信サーバーの名前(例: mail.example.co.jp)")


def advise_name(names: Sequence[str], host: str) -> str:
    """Return what could be better about a confirmed name; empty where it is the one that we greet with, or that is still to be
    set."""
    if host.lower() in names or not is_public_name(host):
        return ""
    return _("EHLO_NAME(%(host)s)と同じ名前にすると、さらに信頼されやすくなります。") % {"host": host}


def check_ehlo(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Look whether the name that we greet with leads to a sending address (RFC 5321 section 4.1.1.1)."""
    if not is_public_name(subject.host):
        advice = _(
            "まず、環境変数 EHLO_NAME に、送信サーバーの名前(例: mail.example.co.jp)を設定してください。"
            "今の「%(host)s」では、受信側が送信サーバーを確かめられません。"
        )
        return CheckOutcome(CheckResult.MISSING, advice=advice % {"host": subject.host})
    answers = [
        find_addresses(subject.host, version, resolver) for version in sorted({ip.version for ip in subject.ips})
    ]
    there = [answer for answer in answers if isinstance(answer, Found)]
    found = "\n".join(value for answer in there for value in answer.values)
    if any(holds(answer, ip) for answer in there for ip in subject.ips):
        return CheckOutcome(CheckResult.OK, found)
    if any(isinstance(answer, CouldNotAsk) for answer in answers):
        return unanswered(found)
    values = {"host": subject.host, "ip": subject.ips[0]}
    if not there:
        advice = _("%(host)s の A・AAAA レコードがありません。%(ip)s を指すレコードを登録してください。")
        return CheckOutcome(CheckResult.MISSING, advice=advice % values)
    advice = _(
        "%(host)s が送信元 IP アドレスを指していません。%(ip)s を指すように直すか、EHLO_NAME を送信サーバーの名前に変えてください。"
    )
    return CheckOutcome(CheckResult.WRONG, found, advice % values)


def check_include(ip: Address, target: str, subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Look whether the record that customers include lets an address pass, and lets only ours."""
    seen = audit(target, resolver)
    found = "\n".join(seen.texts)
    if seen.troubles:
        return CheckOutcome(CheckResult.WRONG, found, explain_trouble(seen.troubles[0]))
    if seen.open_at:
        advice = _("世界中のどのサーバーからの送信も許しています。「+all」や広すぎる範囲を取り除いてください。")
        return CheckOutcome(CheckResult.WRONG, found, advice)
    return replace(check_spf(ip, target, subject, resolver), found=found)


def check_return_spf(ip: Address, subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Look whether mail passes whose errors return to RETURN_DOMAIN; the first line found is the result of SPF."""
    return check_spf(ip, subject.return_name, subject, resolver)


def check_spf(ip: Address, domain: str, subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Evaluate a record of ours for an address as a receiver does (RFC 7208)."""
    report = evaluate(ip, domain, replace(subject, domain=domain), resolver)
    found = "\n".join(filter(None, (str(report.result), report.record)))
    if report.result == SpfResult.PASS:
        return CheckOutcome(CheckResult.OK, found)
    if report.result == SpfResult.TEMPERROR:
        return unanswered(found)
    values = {"domain": domain, "version": ip.version, "ip": ip, "result": RESULT_WORDS[report.result]}
    if report.result == SpfResult.NONE:
        advice = _(
            "%(domain)s に SPF レコードがありません。TXT レコード「v=spf1 ip%(version)d:%(ip)s -all」を登録してください。"
        )
        return CheckOutcome(CheckResult.MISSING, found, advice % values)
    if report.trouble is not None:
        return CheckOutcome(CheckResult.WRONG, found, explain_trouble(report.trouble))
    advice = _(
        "%(domain)s の SPF レコードでは、%(ip)s からの送信が「%(result)s」になります。「ip%(version)d:%(ip)s」を加えてください。"
    )
    return CheckOutcome(CheckResult.WRONG, found, advice % values)


def check_mx(domain: str, resolver: Resolver) -> CheckOutcome:
    """Look whether a mail server takes what returns to a domain (RFC 5321 section 5.1, RFC 7505)."""
    answer = resolver.find(domain, RecordType.MX)
    if isinstance(answer, CouldNotAsk):
        return unanswered()
    if isinstance(answer, Absent):
        advice = _("%(domain)s に MX レコードがありません。エラーメールを受け取るサーバーの名前を登録してください。")
        return CheckOutcome(CheckResult.MISSING, advice=advice % {"domain": domain})
    found = "\n".join(answer.values)
    hosts = [value.partition(" ")[2] for value in answer.values[:NAMES_LIMIT]]
    if hosts == ["."]:
        advice = _(
            "%(domain)s は「メールを受け取らない」という設定(MX 0 .)です。エラーメールを受け取るサーバーに変えてください。"
        )
        return CheckOutcome(CheckResult.WRONG, found, advice % {"domain": domain})
    answers = [find_addresses(host, version, resolver) for host in hosts for version in (4, 6)]
    if any(isinstance(one, Found) for one in answers):
        return CheckOutcome(CheckResult.OK, found)
    if any(isinstance(one, CouldNotAsk) for one in answers):
        return unanswered(found)
    advice = _("MX レコードのサーバー %(host)s の A・AAAA レコードがないため、エラーメールが届きません。")
    return CheckOutcome(CheckResult.WRONG, found, advice % {"host": hosts[0][:100]})


def check_blocklist(ip: Address, zone: str, resolver: Resolver) -> CheckOutcome:
    """Look whether a blocklist names an address (RFC 5782); one that fails its own test entries is not believed."""
    values = {"zone": zone, "ip": ip}
    answers = [
        resolver.find(f"{reversed_labels(one)}.{zone}", RecordType.A)
        for one in (LISTED[ip.version], UNLISTED[ip.version], ip)
    ]
    listed, unlisted, answer = answers
    if any(isinstance(one, CouldNotAsk) for one in answers):
        return unanswered()
    if (
        not is_listed(listed)
        or not isinstance(unlisted, Absent)
        or (isinstance(answer, Found) and not is_listed(answer))
    ):
        advice = _(
            "ブロックリスト %(zone)s は、このシステムの DNS サーバーからの問い合わせに答えません。利用の条件(登録が必要なこともあります)と、DNS_SERVERS を確認してください。"
        )
        found = "\n".join(answer.values) if isinstance(answer, Found) else ""
        return CheckOutcome(CheckResult.UNKNOWN, found, advice % values)
    if isinstance(answer, Absent):
        return CheckOutcome(CheckResult.OK)
    reason = resolver.find_txt(f"{reversed_labels(ip)}.{zone}")
    told = [value for one in (answer, reason) if isinstance(one, Found) for value in one.values]
    advice = _(
        "%(ip)s がブロックリスト %(zone)s に載っています。原因(迷惑メール報告や不正な利用)を止めてから、%(zone)s のサイトで解除を依頼してください。"
    )
    return CheckOutcome(CheckResult.WRONG, "\n".join(told), advice % values)


def is_listed(answer: Answer) -> bool:
    """Say whether a blocklist answers that an address is on it (RFC 5782 section 2.1)."""
    if not isinstance(answer, Found):
        return False
    return all(value.startswith(LOOPBACK) and not value.startswith(REFUSALS) for value in answer.values)


def reversed_labels(ip: Address) -> str:
    """Return an address as blocklists are asked about it: octets or nibbles, the last one first."""
    return ip.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def find_addresses(name: str, version: int, resolver: Resolver) -> Answer:
    """Return the addresses of a name."""
    return resolver.find(name, address_type(version))


def address_type(version: int) -> RecordType:
    """Return the type of the records that hold addresses of IPv4 or IPv6."""
    return RecordType.A if version == 4 else RecordType.AAAA


def holds(answer: Found, ip: Address) -> bool:
    """Say whether an address is among those of an answer."""
    return any(ip_address(value) == ip for value in answer.values)


def unanswered(found: str = "") -> CheckOutcome:
    """Return the outcome where the DNS did not say."""
    return CheckOutcome(CheckResult.UNKNOWN, found, str(NOT_ANSWERED))
