"""The sandbox: takes mail instead of the Internet, shows it, and returns real bounce mails."""
