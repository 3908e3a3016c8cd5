"""配信前チェック: what is found out about a mailing before it is sent, while it is written and when it is started."""
