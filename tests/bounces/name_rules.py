"""Prints the name of the rules' state, for a test that asks two processes."""

import sys

import django

if __name__ == "__main__":
    django.setup()
    from bounces.rule_digest import CURRENT

    sys.stdout.write(CURRENT)
