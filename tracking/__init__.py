"""計測: signed links and the picture in mails, what is counted of them, and what is kept."""
