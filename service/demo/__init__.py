"""The catalogue that `variants demo` draws for itself."""

from service.demo.catalogue import DemoCatalogue, draw_catalogue

__all__ = ["DemoCatalogue", "draw_catalogue"]
