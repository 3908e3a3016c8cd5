"""Journeys: a real browser against real processes."""
