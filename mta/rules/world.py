"""Replies of the large providers abroad, as their postmaster pages list them."""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Reason

GMAIL = ("google.com", "googlemail.com")
ICLOUD = ("icloud.com", "apple.com", "me.com", "mac.com")
QQ = ("qq.com", "tencent.com")

_GOOGLE: Final = (
    Rule("gmail-over-quota", Reason.MAILBOX_FULL, "Gmail SMTP errors: 4.2.2, 5.2.2", text=r"out of storage space|tried to reach is over quota"),
    Rule("gmail-recipient-rate", Reason.RATE_LIMITED, "Gmail SMTP errors: 4.2.1", says=("receiving mail at a rate", "receiving mail too quickly")),
    Rule("gmail-sending-limit", Reason.RATE_LIMITED, "Gmail SMTP errors: 5.4.5, 5.7.0", says=("daily user sending", "sending quota exceeded", "daily smtp relay", "mail relay quota exceeded", "smtp relay limit exceeded")),
    Rule("gmail-disabled", Reason.SUSPENDED, "Gmail SMTP errors: 5.2.1", text=r"email account that you tried to reach is (?:disabled|inactive)"),
    Rule("gmail-no-account", Reason.USER_UNKNOWN, "Gmail SMTP errors: 5.1.1", says=("email account that you tried to reach does not exist", "?p=nosuchuser")),
    Rule("gmail-malformed", Reason.POLICY, "Gmail SMTP errors: 5.7.1 RfcMessageNonCompliant", says=("?p=rfcmessagenoncompliant",)),
    Rule("gmail-unauthenticated", Reason.AUTH, "Gmail SMTP errors: 5.7.26, 4.7.27, 4.7.30", says=("?p=unauthenticatedemail", "?p=dmarcrejection", "sender is unauthenticated", "requires all senders to authenticate")),
    Rule("gmail-unsolicited", Reason.REPUTATION, "Gmail SMTP errors: 4.7.28, 5.7.1", text=r"unusual rate of (?:unsolicited )?(?:e?mail|messages)|low reputation"),
    Rule("gmail-likely-spam", Reason.SPAM_CONTENT, "Gmail SMTP errors: 5.7.1", text=r"likely (?:unsolicited mail|suspicious)|detected that this message is"),
    # Which of the two it is, Google does not tell.
    Rule("google-group", Reason.POLICY, "Google Groups: a group that is missing or takes no mail of this sender", says=("groups.google.com/support", "topic=25838", "posting permissions to the group", "group you tried to contact")),
    Rule("gmail-send-as", Reason.POLICY, "Gmail: Send mail as", says=("send mail as", "?p=customfromdenied")),
)  # fmt: skip

_MICROSOFT: Final = (
    Rule("microsoft-rate", Reason.RATE_LIMITED, "Outlook.com postmaster: RP-001, S77xxxx", text=r"\brp-00[123]\b|\(s775\)|\(s77719\)|exceeded the (?:rate|connection) limit"),
    Rule("microsoft-reputation", Reason.REPUTATION, "Outlook.com postmaster: S3140, S3150, SC-001", text=r"\bs31[45]0\b|\bsc-00[1-4]\b|\bdy-00[12]\b|\bou-00[12]\b|part of their network is on our block ?list"),
    Rule("microsoft-unknown", Reason.USER_UNKNOWN, "Exchange Online: 5.4.1, 5.1.10", text=r"(?<!all )recipient address rejected: access denied|recipnotfound|recipient ?not ?found by smtp address lookup|resolver\.adr\.(?:ex)?recip|recipientnotfound"),
    Rule("microsoft-restricted", Reason.REFUSED, "Exchange Online: 5.7.129, 5.7.133", text=r"resolver\.rst\.(?:auth|restricted|notauthorized|senderrestricted)|recipient(?:'s)? mailbox .{0,60}isn'?t set up to receive"),
    Rule("microsoft-restricted-status", Reason.REFUSED, "Exchange Online: 5.7.124–5.7.137", status=r"5\.7\.1(?:2[4-9]|3[0-7])"),
    Rule("microsoft-too-large", Reason.TOO_LARGE, "Exchange Online: 5.2.3", text=r"resolver\.rst\.(?:recip|send)sizelimit"),
    Rule("microsoft-full", Reason.MAILBOX_FULL, "Exchange Online: 5.2.2", text=r"(?:shutoff)?quotaexceeded|storedrv\.deliver[:;]? ?mailbox full"),
    Rule("microsoft-disabled", Reason.SUSPENDED, "Exchange: 5.2.1", text=r"storedrv\.deliver[:;]? ?(?:disabled mailbox|mailbox disabled)|mapiexceptionmailboxdisabled|accountdisabled"),
    Rule("microsoft-store", Reason.TEMPORARY, "Exchange: the store driver could not deliver", says=("storedrv.", "mapiexception")),
    Rule("microsoft-loop", Reason.TEMPORARY, "Exchange Online: 5.4.6, 5.4.14", text=r"\brouting loop|hop count exceeded", status=r"[45]\.4\.(?:6|8|14)"),
    Rule("microsoft-banned-address", Reason.REPUTATION, "Exchange Online: 5.7.606–649, 5.7.511", status=r"5\.7\.(?:511|6[0-4]\d)"),
    Rule("microsoft-spam", Reason.SPAM_CONTENT, "Exchange Online: 5.7.501–503, 5.1.8", status=r"5\.7\.50[1-3]"),
    Rule("microsoft-dmarc", Reason.AUTH, "Exchange Online: 5.7.509, 5.7.515", status=r"[45]\.7\.5(?:09|15)"),
    Rule("microsoft-too-many", Reason.RATE_LIMITED, "Exchange Online: 5.7.705, 5.7.708, 4.7.5xx, 5.2.121", status=r"5\.7\.(?:50[78]|70[58])|4\.7\.(?:5\d\d|650)|5\.2\.12[12]|5\.1\.90"),
    Rule("microsoft-no-domain", Reason.HOST_UNKNOWN, "Exchange Online: 5.4.310", status=r"[45]\.4\.310"),
    Rule("microsoft-expired", Reason.TEMPORARY, "Exchange Online: 4.4.7, 5.4.300, 5.4.312–317", status=r"[45]\.4\.3\d\d"),
    Rule("microsoft-group", Reason.POLICY, "Exchange Online: 5.7.193", says=("usercontactgroup",)),
    Rule("microsoft-attribution", Reason.POLICY, "Exchange Online: 5.7.64", says=("tenantattribution",)),
    Rule("microsoft-remote-unknown", Reason.USER_UNKNOWN, "Exchange Online: 5.1.351", says=("remote server returned unknown recipient",)),
)  # fmt: skip

_YAHOO: Final = (
    Rule("yahoo-rate", Reason.RATE_LIMITED, "Yahoo sender hub: TSS", text=r"\[tss?\d\d\]|\btss\d\d\b|unexpected volume or user complaints", codes=(421, 451)),
    Rule("yahoo-reputation", Reason.REPUTATION, "Yahoo sender hub: TSS, BL", text=r"\[tss?\d\d\]|\[bl\d\d\]|unexpected volume or user complaints"),
    Rule("yahoo-policy", Reason.POLICY, "Yahoo sender hub: 5.7.9", text=r"not accepted for policy reasons"),
    Rule("yahoo-no-account", Reason.USER_UNKNOWN, "Yahoo: SMTP error dd", text=r"user doesn'?t have an? \S+ account"),
    Rule("yahoo-suspended", Reason.SUSPENDED, "Yahoo: SMTP error dd", text=r"this (?:account|mailbox) (?:has been|is) (?:disabled|discontinued)"),
)  # fmt: skip

_APPLE: Final = (
    Rule("icloud-rate", Reason.RATE_LIMITED, "Apple postmaster", text=r"too many messages received from", hosts=ICLOUD),
    Rule("icloud-reputation", Reason.REPUTATION, "Apple postmaster: CS01, HM08", text=r"\[(?:cs0\d|hm0\d|pm0\d)\]"),
    Rule("icloud-unknown", Reason.USER_UNKNOWN, "Messaging Server: MTA options", says=("unknown or illegal alias",)),
)  # fmt: skip

_OTHERS: Final = (
    Rule("facebook-unknown", Reason.USER_UNKNOWN, "Facebook postmaster: RCP-P1", text=r"\brcp-p1\b"),
    Rule("facebook-refused", Reason.REFUSED, "Facebook postmaster: RCP-P2, RCP-P3", text=r"\brcp-p[2-9]\b|refused due to recipient preferences"),
    Rule("facebook-rate", Reason.RATE_LIMITED, "Facebook postmaster: RCP-T, CON-T", text=r"\b(?:rcp|con)-t\d\b"),
    Rule("facebook-sender", Reason.REPUTATION, "Facebook postmaster: POL-P, DNS-P", text=r"\b(?:pol|dns|con)-[pt]\d\b"),
    Rule("facebook-message", Reason.POLICY, "Facebook postmaster: INT-P, MSG-P", text=r"\b(?:int|msg)-p\d\b"),
    Rule("godaddy-virus", Reason.SPAM_CONTENT, "GoDaddy: email bounce codes IB2xx, IB7xx", text=r"\bib(?:2|70)\d{1,2}\b"),
    Rule("godaddy-auth", Reason.AUTH, "GoDaddy: email bounce codes IB4xx", text=r"\bib40[1-7]\b"),
    Rule("godaddy-rate", Reason.RATE_LIMITED, "GoDaddy: email bounce codes IB5xx, IB607", text=r"\bib(?:5\d\d|607[a-c]?)\b"),
    Rule("godaddy-reputation", Reason.REPUTATION, "GoDaddy: email bounce codes IB0xx, IB1xx", text=r"\bib[016]\d\d[a-c]?\b"),
    Rule("cox-rate", Reason.RATE_LIMITED, "Cox: email error codes", text=r"\bcx(?:thrt|cnct|mxrt|smtp)\b|aup#(?:lmt|cxthrt|cnct|cxcnct)\b"),
    Rule("cox-sender", Reason.REPUTATION, "Cox and Spectrum: email error codes", text=r"\bcx(?:bl|dns|sndr|spf)\b|\bipbl\d|aup#|\bcdrbl\b"),
    Rule("cox-content", Reason.SPAM_CONTENT, "Cox: email error codes", text=r"\burlbl\d"),
    Rule("qq-rate", Reason.RATE_LIMITED, "QQ Mail: bounce messages", text=r"\b(?:ip|domain|sender|connection|user) frequency (?:is )?limited"),
    Rule("qq-refused", Reason.REFUSED, "QQ Mail: bounce messages", says=("mail is rejected by recipients",)),
    Rule("qq-reputation", Reason.REPUTATION, "QQ Mail: bounce messages", text=r"suspected (?:spam ip|bounce attack)"),
    Rule("qq-sender", Reason.POLICY, "QQ Mail: bounce messages", says=("mail from address must be same as authorization user", "domain may not exist or dns check failed")),
    Rule("qq-unavailable", Reason.USER_UNKNOWN, "QQ Mail: bounce messages", says=("mailbox unavailable or access denied",)),
    Rule("cloudflare-upstream", Reason.TEMPORARY, "Cloudflare Email Routing: postmaster", says=("upstream error, please check",)),
    Rule("cloudflare-reputation", Reason.REPUTATION, "Cloudflare Email Routing: postmaster", says=("found on one or more rbls", "ip/host rejected")),
    Rule("mimecast-refused", Reason.REFUSED, "Mimecast: SMTP error codes", text=r"envelope blocked - user|blocked senders|sender blocked"),
    Rule("mimecast-auth", Reason.AUTH, "Mimecast: SMTP error codes", text=r"anti-spoofing|sender invalid - envelope rejected"),
    Rule("mimecast-policy", Reason.POLICY, "Mimecast: SMTP error codes", says=("email rejected due to security policies", "administrative prohibition", "content examination policy", "unable to do secure delivery")),
    Rule("mimecast-unknown", Reason.USER_UNKNOWN, "Mimecast: SMTP error codes", says=("recipient email address is possibly incorrect",)),
    Rule("orange-blocked", Reason.REPUTATION, "Orange postmaster: OFR, LPN 10x", text=r"service refus[eé]|bloqu[eé]e? pour|adresse ip"),
    Rule("orange-rate", Reason.RATE_LIMITED, "Orange postmaster: OFR, LPN 104", text=r"trop de (?:connexions|destinataires|messages)|veuillez ralentir|_10[45]\b"),
    Rule("orange-content", Reason.SPAM_CONTENT, "Orange postmaster: OFR 506", says=("mail rejete", "mail rejeté")),
    Rule("orange-archived", Reason.SUSPENDED, "Orange postmaster", text=r"archived recipient|boite du destinataire archiv"),
    Rule("t-online", Reason.REPUTATION, "T-Online postmaster", says=("a problem occurred. (ask your postmaster",)),
    Rule("zoho-rate", Reason.RATE_LIMITED, "Zoho Mail: SMTP error codes", says=("unusual sending activity",)),
    Rule("zoho-refused", Reason.POLICY, "Zoho Mail: SMTP error codes", says=("mail rejected by destination domain", "mailpolicy violation", "email policy violated")),
    Rule("ses-suppressed", Reason.SUSPENDED, "Amazon SES: suppression list", text=r"suppression list|suppressed sending|suppressed recipient|\bsuppressed because\b|address is suppressed"),
    Rule("comcast-suspended", Reason.SUSPENDED, "Comcast postmaster", says=("not able to receive mail at this time",)),
)  # fmt: skip

RULES: Final = (*_GOOGLE, *_MICROSOFT, *_YAHOO, *_APPLE, *_OTHERS)
