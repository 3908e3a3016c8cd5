"""Writes the records of the DKIM keys in use for the zone DKIM_CNAME_ZONE, of domains that have CNAMEs into it or had."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from senders.dkim_keys import cname_target
from senders.key_pages import zone_line
from senders.models import DkimKey


class Command(BaseCommand):
    """`manage.py export_dkim_zone > dkim.zone`: lines of a zone file, for $INCLUDE behind the zone's SOA and NS."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Write one record for each key that signs, waits or was replaced; the same keys give the same text."""
        if not settings.DKIM_CNAME_ZONE:
            raise CommandError("環境変数 DKIM_CNAME_ZONE を設定してください(例: dkim.mail.example.jp)。")
        has_cnames = Q(domain__key_as_cname=True) | Q(domain__had_cnames=True)
        keys = DkimKey.objects.filter(has_cnames, retired_at=None).select_related("domain").defer("private_key")
        for key in keys.order_by("domain__name", "selector", "pk").iterator(chunk_size=1000):
            # Where the name is too long for the DNS there is none: such a domain is not offered CNAMEs.
            if name := cname_target(key):
                self.stdout.write(zone_line(name, key), ending="")
