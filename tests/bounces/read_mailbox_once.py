"""Reads one mailbox in a process of its own, for a test that kills it: DATABASE_URL and the key of the row are given."""

import sys

import django
from django.utils import timezone

if __name__ == "__main__":
    django.setup()
    from bounces.mailbox_reading import read_mailbox

    read_mailbox(int(sys.argv[1]), now=timezone.now())
