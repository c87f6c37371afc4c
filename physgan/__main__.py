"""``python -m physgan``: the command line."""

from physgan.cli import main

main()
