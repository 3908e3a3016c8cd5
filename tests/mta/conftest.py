"""Settings of the property tests of this folder."""

from hypothesis import settings

# No time limit for one example: a busy machine is no error of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
