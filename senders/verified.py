"""検証済み配信元メールドメイン (E3): the setting that is filled in by verification and read only for everybody."""

from accounts.models import Workspace
from senders.models import SenderDomain


def verified_domains(workspace: Workspace) -> list[str]:
    """Return the domains of a workspace that proved themselves, in ASCII and in order."""
    verified = SenderDomain.objects.filter(workspace=workspace, verified_at__isnull=False)
    return list(verified.order_by("name").values_list("name", flat=True))
