"""What came back: raw notices, parsing and error reports."""
