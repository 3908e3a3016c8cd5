"""Who may send: senders, their domains, DKIM keys and DNS checks."""
