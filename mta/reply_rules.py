"""The table that says what replies mean, in the order in which it is read.

The first row that fits decides: success; codes of single providers; then words about the sender before words
about the recipient, so that a block is never taken for a dead address; then trouble that passes; then RFC 3463;
then bare codes. Texts are lower case, without reply codes, and with every address replaced by `<>`.
"""

from typing import Final

from mta.rules import codes, google, japan, message, microsoft, passing, recipient, sender, world
from mta.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *codes.SUCCESS,
    *japan.RULES,
    *google.RULES,
    *microsoft.RULES,
    *world.RULES,
    *recipient.CHOSEN,
    *sender.RULES,
    *recipient.SPACE,
    *message.RULES,
    *recipient.RULES,
    *passing.TROUBLE,
    *recipient.REFUSED_AT_RCPT,
    *passing.REFUSALS,
    *codes.POWERMTA,
    *codes.STATUSES,
    *codes.BARE_CODES,
)
