"""Writers: groups go back to their shop in the form that it imports, and our own readers read to the same groups."""

from __future__ import annotations

from intake.feeds.writers.families import Family, Writer, families
from intake.feeds.writers.google import write_google
from intake.feeds.writers.magento import write_magento
from intake.feeds.writers.shopify import write_shopify
from intake.feeds.writers.woocommerce import write_woocommerce

WRITERS: dict[str, Writer] = {
    "google": write_google,
    "shopify": write_shopify,
    "magento": write_magento,
    "woocommerce": write_woocommerce,
}
"""Every writer by the name that `--format` gives it."""

__all__ = ["WRITERS", "Family", "Writer", "families"]
