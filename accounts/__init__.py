"""Who works here: users, workspaces, roles and the audit log."""
