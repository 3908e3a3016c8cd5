"""Template tags behind templates/components/."""

from functools import lru_cache

from django import forms, template
from django.forms import BoundField
from django.utils import timezone
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide

from accounts.time_zones import zone_words
from campaigns.models import Campaign
from campaigns.send_window import closed_words

register = template.Library()


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Say whether a field is a single check box, whose label stands behind it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def closed_until(campaign: Campaign) -> str:
    """Return until when a mailing rests in its 配信禁止時間, in words; empty where it does not."""
    return closed_words(campaign, now=timezone.now())


@register.simple_tag
def zone() -> str:
    """Return how sentences call the times of the page, as "日本時間"."""
    return zone_words()


@register.simple_tag
def control(field: BoundField, hint: str = "") -> SafeString:
    """Render the control of a field; a screen reader is pointed to its help text, the page's hint and its errors."""
    described_by = [field.aria_describedby or "", f"{field.auto_id}_hint" if hint else ""]
    names = " ".join(name for name in described_by if name)
    return field.as_widget(attrs={"aria-describedby": names} if names else {})


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, size: int = 20) -> SafeString:
    """Return a lucide icon as SVG, silent for screen readers; the words beside it say what it means.

    Kept once it is made: lucide builds each one from an XML tree, which took half the time of a page.
    """
    return SafeString(lucide(name, size=size, aria_hidden="true"))
