"""What a new installation gets at its first start: keys on a single machine, and the first account."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from django.db import transaction

from accounts.models import Membership, Role, User, Workspace


def make_keys(data_dir: Path, environment: Mapping[str, str]) -> Path | None:
    """Write SECRET_KEY and ENCRYPTION_KEYS to DATA_DIR/local.env, readable by us alone, unless `environment` has them.

    Return the file when it was written. The settings read it, so a process started from now on has them.
    """
    path = data_dir / "local.env"
    made = {"SECRET_KEY": secrets.token_urlsafe(64), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    missing = [f"{name}={value}\n" for name, value in made.items() if not environment.get(name)]
    if not missing:
        return None
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(missing)
    return path


@transaction.atomic
def make_first_account(email: str, password: str, workspace: Workspace | None, *, name: str) -> User | None:
    """Make the administrator of a new installation, in `workspace` or a new one called `name`.

    Return None, changing nothing, where somebody already has an account.
    """
    if User.objects.exists():
        return None
    user = User.objects.create_user(email, password, is_staff=True, is_superuser=True)
    workspace = workspace or Workspace.objects.create(name=name)
    Membership.objects.create(workspace=workspace, user=user, role=Role.ADMIN)
    return user
