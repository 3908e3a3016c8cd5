"""The table that says what replies mean, one file a topic; mta.reply_rules puts it in order."""
