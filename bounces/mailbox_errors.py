"""What can go wrong with a mailbox, in words for people."""

from __future__ import annotations

import imaplib
import poplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.utils.translation import gettext as _
from imap_tools.errors import ImapToolsError, UnexpectedCommandStatusError

# More of a server's words helps nobody.
ANSWER_LIMIT = 200
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
# What the libraries raise where a server breaks off or talks nonsense: they take its answers apart unchecked.
TALK_ERRORS = (
    OSError,
    EOFError,
    imaplib.IMAP4.error,
    poplib.error_proto,
    ImapToolsError,
    ValueError,
    LookupError,
    TypeError,
)


class Step(StrEnum):
    """What was being done with a mailbox."""

    NAME = "name"
    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    FOLDER = "folder"
    READ = "read"
    REMOVE = "remove"


class MailboxError(Exception):
    """A mailbox could not be read. `sentence` is Japanese and says what to do; `answer` are the server's words.

    Where the server said nothing, `answer` is what the system says of the connection.
    """

    def __init__(self, step: Step, sentence: str, answer: str = "") -> None:
        super().__init__(f"{step}: {sentence} {answer}")
        self.step = step
        self.sentence = sentence
        self.answer = clean_answer(answer)

    def describe(self) -> str:
        """Return the sentence, and what more is known."""
        if not self.answer:
            return self.sentence
        return _("%(sentence)s(詳細: %(answer)s)") % {"sentence": self.sentence, "answer": self.answer}


class Refused(MailboxError):
    """The server answered no to one command; the connection still serves for others."""

    def describe(self) -> str:
        """Return the sentence, and what the server answered."""
        return _("%(sentence)s(サーバーの応答: %(answer)s)") % {"sentence": self.sentence, "answer": self.answer or "–"}


@contextmanager
def during(step: Step, sentence: str = "", *, secret: str = "") -> Iterator[None]:
    """Turn what goes wrong in the block into a MailboxError of `step`; `secret` is never repeated from an answer."""
    try:
        yield
    except MailboxError:
        raise
    except TALK_ERRORS as error:
        answer = read_answer(error)
        if secret:
            answer = answer.replace(secret, "…")
        kind = Refused if is_answer(error) else MailboxError
        raise kind(step, sentence or explain(step, error), answer) from error


def is_answer(error: Exception) -> bool:
    """Say whether the server itself said no, in so many words."""
    if isinstance(error, poplib.error_proto):
        return bool(error.args) and isinstance(error.args[0], bytes) and error.args[0].startswith(b"-ERR")
    if isinstance(error, imaplib.IMAP4.error):
        return not isinstance(error, imaplib.IMAP4.abort)
    return isinstance(error, UnexpectedCommandStatusError)


def read_answer(error: Exception) -> str:
    """Return what a server said, or what the system says of the connection."""
    if isinstance(error, UnexpectedCommandStatusError):
        said = error.command_result[1]
        words = said[-1] if isinstance(said, list) and said else said
    elif isinstance(error, OSError):
        words = error.strerror or str(error)
    else:
        words = error.args[0] if error.args else ""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words or "")


def clean_answer(answer: str) -> str:
    """Return a server's words on one line and without marks that could disguise them."""
    return UNPRINTABLE.sub(" ", answer).strip()[:ANSWER_LIMIT]


def explain(step: Step, error: Exception | None = None) -> str:
    """Say in Japanese what failed and what to look at."""
    if isinstance(error, TimeoutError):
        return _("サーバーが時間内に応答しませんでした。しばらくしてからもう一度お試しください。")
    if isinstance(error, ssl.SSLCertVerificationError):
        return explain_certificate(error)
    sentences = {
        Step.NAME: _("サーバーの名前が見つかりません。サーバー名に間違いがないか確認してください。"),
        Step.CONNECT: _("サーバーに接続できませんでした。サーバー名、ポート、接続の保護を確認してください。"),
        Step.TLS: _("TLSで接続できませんでした。接続の保護とポートの組み合わせを確認してください。"),
        Step.LOGIN: _("ログインできませんでした。ユーザー名とパスワードを確認してください。"),
        Step.FOLDER: _("フォルダーを開けませんでした。フォルダー名を確認してください。"),
        Step.READ: _("メールボックスを読み取れませんでした。時間をおいてもう一度試します。"),
        Step.REMOVE: _("読み取ったメールを片付けられませんでした。削除や移動の権限と、空き容量を確認してください。"),
    }
    return sentences[step]


def explain_certificate(error: ssl.SSLCertVerificationError) -> str:
    """Say in Japanese why a certificate is not trusted; the numbers are OpenSSL's X509_V_ERR_…."""
    reasons = {
        9: _("サーバーの証明書の有効期間がまだ始まっていません。"),
        10: _("サーバーの証明書の有効期限が切れています。"),
        18: _("サーバーの証明書が自己署名のため、信頼できません。"),
        19: _("サーバーの証明書の発行元を信頼できません。"),
        20: _("サーバーの証明書の発行元を信頼できません。"),
        62: _("サーバーの証明書が別の名前のものです。サーバー名を確認してください。"),
        64: _("サーバーの証明書が別の名前のものです。サーバー名を確認してください。"),
    }
    return reasons.get(error.verify_code, _("サーバーの証明書を信頼できません。"))
