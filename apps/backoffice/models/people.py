"""People of the back-office."""

from functools import cached_property
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q

from apps.backoffice.models.views import SavedView


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person who may log in; `email` is the name they log in with."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person with every right."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A member of staff."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        verbose_name = "member of staff"
        verbose_name_plural = "staff"

    def __str__(self) -> str:
        return self.email

    @property
    def actor(self) -> str:
        """Who this person is in the event history and in every journal."""
        return f"staff:{self.email}"

    @cached_property
    def saved_views(self) -> list[SavedView]:
        """The views of all lists, one's own and those shared with one's roles; read once a page."""
        mine_or_shared = Q(owner=self) | Q(role__in=self.groups.values("name"))
        return list(SavedView.objects.filter(mine_or_shared).order_by("name"))

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.get_full_name()


class Profile(User):
    """A person as they see themselves: the screen of one's own account."""

    class Meta:
        proxy = True
        verbose_name = "profile"
        default_permissions = ()
