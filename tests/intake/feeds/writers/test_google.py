import pytest

from candidates.catalogue import Catalogue
from candidates.errors import VariantsError
from candidates.product import Product
from candidates.settings import FeedSettings
from intake.feeds import read_feed
from intake.feeds.writers import WRITERS, families


def write(path, ids, groups):
    return WRITERS["google"](path, families(Catalogue.of(Product(id=name) for name in ids), groups))


def test_two_columns_parted_by_tabs(tmp_path):
    assert write(tmp_path / "out.tsv", ["a", "b, c", "d"], ["G 1", "G 1", ""]) == 2
    assert (tmp_path / "out.tsv").read_bytes() == b"id\titem_group_id\na\tG 1\nb, c\tG 1\n"


def test_a_parent_is_a_member_like_the_others(tmp_path):
    products = [Product(id="P"), Product(id="a", attributes={"color": "red"})]
    WRITERS["google"](tmp_path / "out.tsv", families(Catalogue.of(products), ["P", "P"]))
    assert (tmp_path / "out.tsv").read_text() == "id\titem_group_id\nP\tP\na\tP\n"


def test_our_reader_reads_the_groups_beside_the_titles_of_the_primary_feed(tmp_path):
    ids = ['a"1', "b=2", "c|3", "d\\", "'e", "é日"]
    groups = ["G", "=G", "G", "=G", '"', '"']
    write(tmp_path / "out.tsv", ids, groups)
    # Google joins the two by id; a supplemental file alone has no titles, and is no feed.
    lines = (tmp_path / "out.tsv").read_text("utf-8").splitlines()
    joined = [lines[0] + "\ttitle", *(line + "\tshirt" for line in lines[1:])]
    (tmp_path / "feed.tsv").write_text("\n".join(joined), "utf-8")
    catalogue = read_feed(tmp_path / "feed.tsv", FeedSettings()).catalogue
    found = dict(zip(catalogue.column("id"), catalogue.column("group"), strict=True))
    assert found == dict(zip(ids, groups, strict=True))


def test_a_group_longer_than_google_takes_is_refused(tmp_path):
    assert write(tmp_path / "out.tsv", ["a", "b"], ["g" * 50] * 2) == 2
    with pytest.raises(VariantsError, match="of the product 'a' has 51 characters; Google allows 50"):
        write(tmp_path / "out.tsv", ["a", "b"], ["g" * 51] * 2)
