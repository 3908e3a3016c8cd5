"""Real workers, databases and servers that are killed, stopped and lied to, and the judge of what became of each mail."""
