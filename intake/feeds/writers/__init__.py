"""Writes groups in the formats that shops import; our own readers read the same groups back."""

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
"""Every writer by its name in `--format`."""

__all__ = ["WRITERS", "Family", "Writer", "families"]
