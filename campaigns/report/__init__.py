"""The report of a mailing that was started: its figures, its links, its hours, and the mailings before it."""
