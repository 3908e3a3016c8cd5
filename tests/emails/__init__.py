"""Mails of our own making for the tests."""
