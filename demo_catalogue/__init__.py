"""The catalogue that `variants demo` draws for itself."""

from demo_catalogue.catalogue import DemoCatalogue, draw_catalogue

__all__ = ["DemoCatalogue", "draw_catalogue"]
