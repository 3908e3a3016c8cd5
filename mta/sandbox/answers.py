"""What the sandbox answers for an address, told by its domain and the first letters of its local part."""

from dataclasses import dataclass
from enum import Enum

# RFC 2606 reserves .example, so none of these can be anybody's address.
BOUNCE_DOMAIN = "bounce.example"
REJECT_DOMAIN = "reject.example"
DEFER_DOMAIN = "defer.example"


class Action(Enum):
    """What comes back; the value is the Action field of RFC 3464 section 2.3.3 where there is one."""

    FAILED = "failed"
    DELAYED = "delayed"
    AUTO_REPLY = "auto-reply"


@dataclass(frozen=True, slots=True)
class Answer:
    """One kind of returned mail: RFC 3463 status, the remote server's reply, and why in two languages."""

    prefixes: tuple[str, ...]
    action: Action
    status: str
    reply: str
    japanese: str
    english: str


# The first row with a matching prefix decides; the last matches every local part.
ANSWERS = (
    Answer(
        ("full",),
        Action.FAILED,
        "5.2.2",
        "552 5.2.2 <{address}>: mailbox full",
        "宛先のメールボックスの容量が上限に達しています。",
        "The recipient's mailbox is over its quota.",
    ),
    Answer(
        ("blocked", "spam"),
        Action.FAILED,
        "5.7.1",
        "550 5.7.1 <{address}>: message refused as spam",
        "迷惑メールと判定されたため、受信サーバーに拒否されました。",
        "The message was refused by the receiving server as spam.",
    ),
    Answer(
        ("host", "domain"),
        Action.FAILED,
        "5.1.2",
        "550 5.1.2 <{address}>: host or domain name not found",
        "宛先のドメインが見つかりません。",
        "The recipient's domain could not be found.",
    ),
    Answer(
        ("suspended", "disabled"),
        Action.FAILED,
        "5.2.1",
        "550 5.2.1 <{address}>: account disabled",
        "宛先のアカウントは現在停止されています。",
        "The recipient's account is disabled.",
    ),
    Answer(
        ("slow", "temporary"),
        Action.FAILED,
        "4.4.7",
        "451 4.4.7 <{address}>: delivery time expired",
        "再送を続けましたが、期限までに配送できませんでした。",
        "The message was retried but could not be delivered before its time was over.",
    ),
    Answer(
        ("delayed",),
        Action.DELAYED,
        "4.4.1",
        "451 4.4.1 <{address}>: no answer from host, will retry",
        "まだ配送できていません。配送を続けますので、再送の必要はありません。",
        "The message could not be delivered yet. It will be retried; you need not send it again.",
    ),
    Answer(
        ("auto",),
        Action.AUTO_REPLY,
        "",
        "",
        "ただいま不在にしております。戻り次第ご連絡いたします。",
        "I am out of the office and will reply when I am back.",
    ),
    Answer(
        ("",),
        Action.FAILED,
        "5.1.1",
        "550 5.1.1 <{address}>: user unknown",
        "宛先のメールアドレスは存在しません。",
        "The recipient's address does not exist.",
    ),
)


def domain_of(address: str) -> str:
    """Return the domain of an address in lower case."""
    return address.rpartition("@")[2].lower()


def find_answer(address: str) -> Answer | None:
    """Return what comes back from an address, None where its mail simply arrives."""
    if domain_of(address) != BOUNCE_DOMAIN:
        return None
    # A quoted local part (RFC 5321 section 4.1.2) means the same as a bare one.
    local = address.rpartition("@")[0].strip('"').lower()
    return next(answer for answer in ANSWERS if local.startswith(answer.prefixes))
