"""The table that says what replies mean, in the order in which it is read.

The first row that fits decides: success; codes of single providers; then words about the sender before words
about the recipient, so that a block is never taken for a dead address; then trouble that passes; then RFC 3463;
then bare codes. Texts are lower case, without reply codes, and with every address replaced by `<>`.
"""

from typing import Final

from mta.rules import codes, gateways, google, japan, message, microsoft, missing, passing, recipient, sender, world
from mta.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *codes.SUCCESS,
    # Codes and sentences of single providers say more than the general words in them.
    *japan.RULES,
    *google.RULES,
    *microsoft.RULES,
    *world.RULES,
    *gateways.RULES,
    # "The recipient's blacklist" is no list of the net, "over quota" no size of a message.
    *recipient.CHOSEN,
    *sender.RULES,
    *recipient.SPACE,
    *message.RULES,
    # A mailbox that is full or suspended exists, whatever else is said of it.
    *recipient.RULES,
    *missing.RULES,
    *passing.TROUBLE,
    # A refusal without a cause means the recipient where the step says so, else the operator's policy.
    *missing.REFUSED_AT_RCPT,
    *passing.REFUSALS,
    *codes.POWERMTA,
    *codes.STATUSES,
    *codes.BARE_CODES,
)
