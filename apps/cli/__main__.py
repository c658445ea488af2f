"""`python -m apps.cli` is `variants`."""

from apps.cli import main

main()
