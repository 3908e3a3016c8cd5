"""Domain names in the letters of all languages, written as the DNS has them."""

import re

import idna

# RFC 1035 section 2.3.4; the codec of punycode takes quadratic time.
LONGEST_LABEL = 63
# ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER.
JOINERS = re.compile("[\u200c\u200d]")


def to_a_labels(domain: str) -> str:
    """Return a domain name, or a part of one, in ASCII; raises idna.IDNAError for what can be none.

    ASCII is returned as it is. Other letters are read as browsers and mail programs do (UTS #46, non-transitional): "ß" and "ς"
    stay, since faß.de is another domain than fass.de, and so do signs such as "❤", with which some registries gave out names by
    IDNA 2003. Whether the result is a host name is for the caller to ask, as is what only IDNA 2008 forbids (`idna.alabel`).
    """
    if domain.isascii():
        return domain
    return ".".join(_to_a_label(label) for label in idna.uts46_remap(domain, std3_rules=False).split("."))


def _to_a_label(label: str) -> str:
    if label.isascii():
        return label
    if len(label) > LONGEST_LABEL:
        raise idna.IDNAError("Label too long", code="label_too_long", text=label)
    # UTS #46 section 4.1, Validity Criteria. The rules of both directions are left out: they depend on the version of Unicode.
    idna.check_hyphen_ok(label)
    idna.check_initial_combiner(label)
    for found in JOINERS.finditer(label):
        if not is_letter_joined(label, found.start()):
            raise idna.IDNAError("Joiner joins nothing", code="contextj", text=label, codepoint=ord(found[0]))
    name = "xn--" + label.encode("punycode").decode("ascii")
    if len(name) > LONGEST_LABEL:
        raise idna.IDNAError("Label too long", code="label_too_long", text=label)
    return name


def is_letter_joined(text: str, position: int) -> bool:
    """Say whether the joiner at `position` changes how its neighbours are written (RFC 5892 appendix A), so that it is meant; in
    other scripts it only comes along by copying."""
    try:
        return idna.valid_contextj(text, position)
    except ValueError:
        # Beside a character without a name, such as a line break, or in a text that is longer than any domain.
        return False
