"""Programs for people who work on Hypermail; `make` runs them."""
