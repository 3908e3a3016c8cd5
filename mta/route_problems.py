"""What a 接続テスト can find wrong with a route, and what people can do about it."""

import errno
import socket
import ssl
from enum import StrEnum
from typing import Any, Final

from django.utils.translation import gettext_lazy as _


class Step(StrEnum):
    """The steps of a check, in their order."""

    SETTINGS = "settings"
    HELLO_NAME = "hello_name"
    MX = "mx"
    NAME = "name"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"


class Problem(StrEnum):
    """What is wrong in a step."""

    HELLO_NAME = "hello_name"
    NO_MX_HOST = "no_mx_host"
    NULL_MX = "null_mx"
    DNS_FAILED = "dns_failed"
    NAME_NOT_FOUND = "name_not_found"
    NAME_NO_ANSWER = "name_no_answer"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    SOURCE_ADDRESS = "source_address"
    CONNECT_TIMEOUT = "connect_timeout"
    PORT_25 = "port_25"
    CONNECT_FAILED = "connect_failed"
    TLS_EXPECTED = "tls_expected"
    PLAIN_EXPECTED = "plain_expected"
    TLS_FAILED = "tls_failed"
    SELF_SIGNED = "self_signed"
    UNKNOWN_ISSUER = "unknown_issuer"
    OTHER_NAME = "other_name"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    BAD_CERTIFICATE = "bad_certificate"
    NOT_SMTP = "not_smtp"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    GREETING_REFUSED = "greeting_refused"
    EHLO_REFUSED = "ehlo_refused"
    NO_STARTTLS = "no_starttls"
    UNENCRYPTED = "unencrypted"
    STARTTLS_REFUSED = "starttls_refused"
    NO_AUTH = "no_auth"
    AUTH_MECHANISM = "auth_mechanism"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    AUTH_REFUSED = "auth_refused"
    LOGIN_NEEDED = "login_needed"
    TLS_NEEDED = "tls_needed"
    MAIL_REFUSED = "mail_refused"
    COMMAND_REFUSED = "command_refused"
    LATER = "later"


STEP_LABELS: Final[dict[Step, Any]] = {
    Step.SETTINGS: _("設定の読み取り"),
    Step.HELLO_NAME: _("名乗る名前"),
    Step.MX: _("宛先のメールサーバー(MX)"),
    Step.NAME: _("ホスト名の確認"),
    Step.CONNECT: _("接続"),
    Step.TLS: _("TLSと証明書"),
    Step.GREETING: _("接続応答"),
    Step.EHLO: _("EHLO"),
    Step.STARTTLS: _("STARTTLSと証明書"),
    Step.AUTH: _("ログイン(AUTH)"),
    Step.MAIL: _("送信元の指定(MAIL FROM)"),
}

ADVICE: Final[dict[Problem, Any]] = {
    Problem.HELLO_NAME: _(
        "インターネットで通用する名前ではありません。送信元IPアドレスの逆引き名を、経路の「EHLOで名乗る名前」か"
        "環境変数 EHLO_NAME に設定してください。"
    ),
    Problem.NO_MX_HOST: _("このドメインはメールを受け取るサーバーを公開していません。別のドメインで試してください。"),
    Problem.NULL_MX: _("このドメインはメールを受け取らないと宣言しています。別のドメインで試してください。"),
    Problem.DNS_FAILED: _("DNSに問い合わせできませんでした。少し待ってから、もう一度試してください。"),
    Problem.NAME_NOT_FOUND: _("この名前のサーバーは見つかりません。ホスト名のつづりを確認してください。"),
    Problem.NAME_NO_ANSWER: _(
        "ホスト名をDNSで調べられませんでした。このサーバーのネットワークとDNSの設定を確認してください。"
    ),
    Problem.REFUSED: _("接続を断られました。ポート番号が正しいか、相手のサーバーが動いているかを確認してください。"),
    Problem.UNREACHABLE: _(
        "このサーバーから相手のネットワークに届きません。ネットワークとファイアウォールの設定を確認してください。"
    ),
    Problem.SOURCE_ADDRESS: _(
        "「送信元IPアドレス」がこのサーバーのものではないか、相手と通信できない種類です。アドレスを直すか、空欄にしてください。"
    ),
    Problem.CONNECT_TIMEOUT: _(
        "時間内に接続できませんでした。ホスト名とポート番号、途中のファイアウォールを確認してください。"
    ),
    Problem.PORT_25: _(
        "25番ポートに接続できませんでした。回線やクラウドの事業者が外向きの25番を止めていることがよくあります。"
        "事業者に解除を申請するか、587番か465番のSMTPリレーを使ってください。"
    ),
    Problem.CONNECT_FAILED: _("接続できませんでした。ホスト名とポート番号を確認してください。"),
    Problem.TLS_EXPECTED: _(
        "このポートは最初からTLSで話します。暗号化を「最初から暗号化(TLS)」に変えるか、ポート番号を587などに変えてください。"
    ),
    Problem.PLAIN_EXPECTED: _(
        "このポートは最初からのTLSに対応していません。暗号化を「必ず暗号化(STARTTLS)」に変えるか、"
        "ポート番号を465に変えてください。"
    ),
    Problem.TLS_FAILED: _("TLSの接続を始められませんでした。暗号化の方式とポート番号の組み合わせを確認してください。"),
    Problem.SELF_SIGNED: _(
        "証明書が自己署名のため、信頼できません。社内のサーバーなら、その認証局の証明書を環境変数 SSL_CERT_FILE に"
        "設定するか、「証明書を確認する」を外してください。"
    ),
    Problem.UNKNOWN_ISSUER: _(
        "証明書の発行元を信頼できません。相手のサーバーの中間証明書が足りないか、社内の認証局のものです。"
        "社内の認証局なら、その証明書を環境変数 SSL_CERT_FILE に設定してください。"
    ),
    Problem.OTHER_NAME: _("証明書が別の名前のものです。証明書に書かれている名前を「ホスト名」に入力してください。"),
    Problem.EXPIRED: _("証明書の有効期限が切れています。相手のサーバーの管理者に更新を依頼してください。"),
    Problem.NOT_YET_VALID: _("証明書の有効期間がまだ始まっていません。このサーバーの時計が正しいか確認してください。"),
    Problem.BAD_CERTIFICATE: _("証明書を信頼できません。相手のサーバーの管理者に確認してください。"),
    Problem.NOT_SMTP: _("SMTPのサーバーではないようです。ホスト名とポート番号を確認してください。"),
    Problem.TIMEOUT: _(
        "時間内に応答がありませんでした。ホスト名とポート番号が合っているか確認し、少し待ってから、もう一度試してください。"
    ),
    Problem.CLOSED: _(
        "途中で接続を切られました。ポート番号と暗号化の方式、相手のサーバーの接続制限を確認してください。"
    ),
    Problem.GREETING_REFUSED: _(
        "相手のサーバーが接続を受け付けません。このサーバーのIPアドレスからの利用が許可されているか確認してください。"
    ),
    Problem.EHLO_REFUSED: _(
        "名乗った名前を断られました。「EHLOで名乗る名前」に、送信元IPアドレスの逆引き名を設定してください。"
    ),
    Problem.NO_STARTTLS: _(
        "相手のサーバーがSTARTTLSに対応していません。ポート番号が正しいか確認し、正しければ「最初から暗号化(TLS)」と"
        "465番を試してください。"
    ),
    Problem.UNENCRYPTED: _("相手のサーバーがSTARTTLSに対応していないため、暗号化せずに送ります。"),
    Problem.STARTTLS_REFUSED: _(
        "STARTTLSを断られました。少し待ってから、もう一度試してください。続くときは、相手のサーバーの管理者に確認してください。"
    ),
    Problem.NO_AUTH: _(
        "相手のサーバーがログインに対応していません。投稿用のポート(587か465)か確認してください。"
        "ログインの要らないサーバーなら、ユーザー名を空欄にしてください。"
    ),
    Problem.AUTH_MECHANISM: _(
        "使えるログイン方式がありません。PLAIN、LOGIN、CRAM-MD5のどれかが必要です(パスワードは暗号化せずに送りません)。"
    ),
    Problem.WRONG_PASSWORD: _(
        "ユーザー名かパスワードが違います。メールサービスによっては、ふだんのパスワードではなく、"
        "SMTP専用のパスワードやAPIキーが必要です。"
    ),
    Problem.AUTH_REFUSED: _(
        "ログインを断られました。このアカウントでSMTPの利用が許可されているか、メールサービスの設定を確認してください。"
    ),
    Problem.LOGIN_NEEDED: _("ログインが必要です。ユーザー名とパスワードを設定してください。"),
    Problem.TLS_NEEDED: _("暗号化が必要です。暗号化を「必ず暗号化(STARTTLS)」に変えてください。"),
    Problem.MAIL_REFUSED: _(
        "エラーメールの戻り先(環境変数 RETURN_DOMAIN のアドレス)からの送信を断られました。"
        "このドメインからの送信を、リレーの設定で許可してください。"
    ),
    Problem.COMMAND_REFUSED: _("命令を断られました。相手のサーバーがSMTPを正しく話すか確認してください。"),
    Problem.LATER: _(
        "一時的に断られました。少し待ってから、もう一度試してください。続くときは、接続の制限を確認してください。"
    ),
}

# OpenSSL's X509_V_ERR_… (x509_vfy.h).
_CERTIFICATES: Final = {
    9: Problem.NOT_YET_VALID,
    10: Problem.EXPIRED,
    18: Problem.SELF_SIGNED,
    19: Problem.UNKNOWN_ISSUER,
    20: Problem.UNKNOWN_ISSUER,
    21: Problem.UNKNOWN_ISSUER,
    62: Problem.OTHER_NAME,
    64: Problem.OTHER_NAME,
}
TLS_PROBLEMS: Final = frozenset((*_CERTIFICATES.values(), Problem.BAD_CERTIFICATE, Problem.TLS_FAILED))
# What OpenSSL says where the other side answers in clear; the second since version 3.2.
_SPOKE_IN_CLEAR: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST")
UNREACHABLE: Final = (errno.EHOSTUNREACH, errno.ENETUNREACH)
_CONNECTING: Final = {
    errno.ECONNREFUSED: Problem.REFUSED,
    errno.EADDRNOTAVAIL: Problem.SOURCE_ADDRESS,
    **dict.fromkeys(UNREACHABLE, Problem.UNREACHABLE),
}
# RFC 5321 section 4.2.2 and RFC 4954 section 6; what is not here is told by its step.
_CODES: Final = {
    (Step.AUTH, 535): Problem.WRONG_PASSWORD,
    (Step.AUTH, 504): Problem.AUTH_MECHANISM,
    (Step.AUTH, 538): Problem.TLS_NEEDED,
}
_REFUSALS: Final = {
    Step.GREETING: Problem.GREETING_REFUSED,
    Step.EHLO: Problem.EHLO_REFUSED,
    Step.STARTTLS: Problem.STARTTLS_REFUSED,
    Step.AUTH: Problem.AUTH_REFUSED,
    Step.MAIL: Problem.MAIL_REFUSED,
}


def problem_of_name(error: socket.gaierror) -> Problem:
    """Tell a name that does not exist from a question that was not answered."""
    return Problem.NAME_NO_ANSWER if error.errno == socket.EAI_AGAIN else Problem.NAME_NOT_FOUND


def problem_of_connecting(error: OSError, port: int, *, has_source: bool) -> Problem:
    """Say why no connection came about; `has_source` says that the route names the address to send from."""
    if isinstance(error, TimeoutError):
        return Problem.PORT_25 if port == 25 else Problem.CONNECT_TIMEOUT
    if has_source and (error.errno is None or isinstance(error, socket.gaierror)):
        # asyncio's own words for an address of another family than the host's.
        return Problem.SOURCE_ADDRESS
    return _CONNECTING.get(error.errno or 0, Problem.CONNECT_FAILED)


def problem_of_tls(error: BaseException | None) -> Problem:
    """Say why TLS did not come about."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(error.verify_code, Problem.BAD_CERTIFICATE)
    if isinstance(error, ssl.SSLError) and any(word in str(error) for word in _SPOKE_IN_CLEAR):
        return Problem.PLAIN_EXPECTED
    return Problem.TLS_FAILED


def problem_of_code(step: Step, code: int, text: str) -> Problem:
    """Say what a reply that is no yes means in a step."""
    if known := _CODES.get((step, code)):
        return known
    if step is Step.MAIL and code == 530:
        # RFC 3207 section 4 and RFC 4954 section 6 share the code.
        return Problem.TLS_NEEDED if "STARTTLS" in text.upper() else Problem.LOGIN_NEEDED
    if 400 <= code < 500:
        return Problem.LATER
    return _REFUSALS.get(step, Problem.COMMAND_REFUSED)
