"""`python -m service.cli` is `variants`."""

from service.cli import main

main()
