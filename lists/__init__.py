"""Who receives: lists, subscribers, consent and CSV files."""
