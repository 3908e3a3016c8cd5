"""登録フォーム, double opt-in by mail, and the page on which subscribers change their settings."""
