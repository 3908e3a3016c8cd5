"""Template tags behind templates/components/."""

from django import forms, template
from django.forms import BoundField
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Say whether a field is a single check box, whose label stands behind it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.simple_tag
def control(field: BoundField, hint: str = "") -> SafeString:
    """Render the control of a field; a screen reader is pointed to its help text, the page's hint and its errors."""
    described_by = [field.aria_describedby or "", f"{field.auto_id}_hint" if hint else ""]
    names = " ".join(name for name in described_by if name)
    return field.as_widget(attrs={"aria-describedby": names} if names else {})
