"""What the tests of shops' CSV exports share."""

from candidates.settings import FeedSettings
from intake.feeds import read_feed


def read_text(folder, text, **chosen):
    """Reads a feed given as text or bytes."""
    path = folder / "feed.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_feed(path, FeedSettings(**chosen))


def products(feed):
    """The accepted products."""
    return [feed.catalogue.product(row) for row in range(len(feed.catalogue))]
