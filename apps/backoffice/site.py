"""The site in which staff work."""

from unfold.sites import UnfoldAdminSite


class BackofficeSite(UnfoldAdminSite):
    site_header = "Payments"
    site_title = "Payments"
