"""Members of staff, ready for a test."""

from itertools import count

from django.contrib.auth.models import Group, Permission

from apps.backoffice.models import User

_numbers = count(1)


def staff(*permissions: str, email: str = "", role: str = "", is_superuser: bool = False) -> User:
    """Return a member of staff who holds these rights, each as `<app>.<codename>`."""
    user = User.objects.create_user(
        email or f"clerk{next(_numbers)}@shop.example", is_staff=True, is_superuser=is_superuser
    )
    if role:
        user.groups.add(Group.objects.get(name=role))
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return user
