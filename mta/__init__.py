"""How mail leaves: MIME, DKIM, SMTP, routes, retry and replies. Knows no campaign, list or sender."""
