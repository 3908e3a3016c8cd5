"""Replies with the words of a dead address in them that blame something else: nobody is stopped for these."""

from typing import Final

# About the sender, its name or its message.
SENDER: Final = (
    "550 5.7.1 The mail does not have a valid DKIM signature",
    "550 We no longer accept mail from your network",
    "554 5.7.1 Invalid address in the From header",
    "501 5.1.7 Invalid sender address",
    "553 5.1.7 Invalid address syntax in MAIL FROM",
    "550 Invalid EHLO domain",
    "550 The name in HELO does not exist",
    "450 4.7.1 Client host unknown: cannot find your hostname",
    "550 could not verify the sender's mailbox",
    "550 The sending account does not exist",
    "550 5.1.0 Sender unknown",
    "550 No valid From address",
    "550 Your mail server's domain does not exist",
    "554 Service unavailable; Sender address [news@shop.example] blocked using a list of domains",
    "550 Account credentials invalid",
    "535 5.7.8 Authentication credentials invalid",
    "550 5.6.0 Missing required header field: To",
    "550 No recipient in the header, looks like spam",
    "554 Too many invalid recipients from your host",
    "421 Excessive unknown recipients",
    "550 You wrote to spamtrap addresses that do not exist",
    "550 Protocol violation",
)

# The recipient was named, and refused for another cause.
RECIPIENT: Final = (
    "550 Mailbox unavailable. Your IP address is blocked",
    "550 mailbox unavailable (spam)",
    "550 Requested action not taken: mailbox unavailable. Reject due to policy restrictions",
    "554 5.7.1 <a@example.jp>: Recipient address rejected: Access denied",
    "554 <a@example.jp>: Recipient address rejected: Blocked",
    "550 5.7.1 <a@example.jp>: Recipient address rejected: Rejected by policy",
    "550 <a@example.jp>: Recipient address rejected: Greylisted",
    "554 5.7.1 <a@example.jp>: Recipient address rejected: SPF check fail",
    "550 5.7.1 Recipient rejected your message due to spam",
    "550 Recipient does not wish to receive mail from you",
    "550 User does not accept mail from outside the organization",
    "550 You are not on the recipient's whitelist",
    "552 recipient storage full, message not delivered",
    "550 5.7.1 not a local address, relaying denied",
    "550 Recipient temporarily unavailable",
    "550 Recipient has disabled the mailbox",
    "550 list@example.jp: you are not a member of the list",
    "550 Only members may post",
    "550 address is on the suppression list",
)

# The way there.
ROUTE: Final = (
    "host mx.example.jp[192.0.2.1] said: 451 unknown error",
    "4.4.3 DNS lookup failed",
    "connect to mx.example.jp[192.0.2.1]:25: Network is unreachable",
    "Name service error for name=mx.example.jp type=A: Host not found, try again",
    "cannot access mailbox /var/mail/taro for user taro. unable to create lock file: No such file or directory",
    'Command died with status 127: "/usr/local/bin/vacation". Command output: sh: vacation: not found',
    "554 5.3.0 mailbox delivery failed: user directory not found",
    "remote host closed connection in response to initial connection",
    "554 5.4.0 The recipient's mail server did not respond",
)
