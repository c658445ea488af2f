import pytest

from candidates.catalogue import Catalogue
from candidates.errors import SettingsError
from candidates.product import Product
from candidates.settings import TextSettings
from text_retrieval.product_text import product_texts


def texts(*products, **settings):
    """The texts of products given as keyword dicts."""
    numbered = [Product(id=f"p{number}", **fields) for number, fields in enumerate(products)]
    return product_texts(Catalogue.of(numbered), TextSettings(**settings))


def colourless(*products, fields=("title",)):
    return texts(*products, fields=fields, leave_out=("colour",))


def coloured(title, color="", **fields):
    return {"title": title, "attributes": {"color": color} if color else {}, **fields}


def test_title_description_and_attributes_by_default():
    shirt = {"title": "Shirt", "description": "Of linen.", "brand": "Acme", "product_type": "Tops > Shirts"}
    shirt["attributes"] = {"size": "M", "color": "Dark Blue", "age_group": "adult"}
    assert texts(shirt) == ["Shirt Of linen. age group adult, color Dark Blue, size M"]


def test_other_fields_in_the_order_chosen():
    shirt = {"title": "Shirt", "brand": "Acme", "product_type": "Tops > Shirts/Blouses", "attributes": {"cut": "slim"}}
    assert texts(shirt, fields=("brand", "product_type", "cut", "title")) == ["Acme Tops Shirts Blouses slim Shirt"]


def test_white_space_is_made_one_space():
    assert texts({"title": "  a\u00a0 red\t", "description": "\n mug "}) == ["a red mug"]


def test_what_is_not_known_leaves_no_gap():
    assert texts({"title": "Mug"}, {"description": "Round"}, {}, fields=("title", "size", "description", "brand")) == [
        "Mug",
        "Round",
        "",
    ]


def test_no_products_have_no_texts():
    assert texts() == []


def test_an_unknown_field_is_named_with_the_choices():
    mug = {"title": "Mug", "attributes": {"glaze": "matt"}}
    with pytest.raises(SettingsError, match=r"'titel', 'seller'.*title, description.*color.*glaze"):
        texts(mug, fields=("titel", "glaze", "seller"))


def test_a_usual_attribute_may_be_chosen_where_no_product_has_it():
    assert texts({"title": "Mug"}, fields=("title", "size")) == ["Mug"]


def test_no_field_at_all_is_a_mistake():
    with pytest.raises(SettingsError, match="no field"):
        texts({"title": "Mug"}, fields=())


def test_colours_of_the_column_are_left_out_of_every_text():
    assert colourless(coloured("Shirt BLUE"), coloured("Blue mug", "Blue"), coloured("Green cup")) == [
        "Shirt",
        "mug",
        "Green cup",
    ]


def test_longer_colours_go_first_and_their_words_are_no_colours():
    found = colourless(
        coloured("Shirt dark blue"),
        coloured("Dark room lamp"),
        coloured("Blue lamp, dark-blue shade"),
        coloured("Lamp", "Dark Blue"),
        coloured("Cap", "Blue"),
    )
    assert found == ["Shirt", "Dark room lamp", "lamp, shade", "Lamp", "Cap"]


def test_a_phrase_of_which_no_word_is_a_colour_goes_whole():
    assert colourless(coloured("Off white top off shoulder"), coloured("Top", "Off White")) == [
        "top off shoulder",
        "Top",
    ]


def test_each_word_of_the_own_colour_is_left_out():
    assert colourless(coloured("Navy shirt, melange", "Melange Navy"), coloured("Navy cap")) == ["shirt,", "Navy cap"]


def test_only_whole_words_are_left_out():
    assert colourless(coloured("Redwood infrared red-hot Red", "Red")) == ["Redwood infrared -hot"]


def test_several_colours_in_one_value_are_several_colours():
    assert colourless(coloured("Bag black and silver"), coloured("Bag", "Black/Silver")) == ["Bag and", "Bag"]


def test_numbers_are_no_colours():
    assert colourless(coloured("Size 38 red 12", "38"), coloured("Size 38", "12 red")) == ["Size 38 red 12", "Size 38"]


def test_what_would_be_a_pattern_is_taken_literally():
    assert colourless(coloured("Cup (red) r.d a+b", "(red)"), coloured("Cup r.d", "r.d")) == ["Cup a+b", "Cup"]


def test_the_own_colour_leaves_the_attributes_with_its_name():
    shirt = {"title": "Shirt", "attributes": {"color": "Red", "size": "M", "pattern": "red stripes"}}
    assert colourless(shirt, fields=("title", "attributes")) == ["Shirt pattern stripes, size M"]
    assert colourless(shirt, fields=("color", "size")) == ["M"]


def test_without_any_colour_nothing_is_left_out():
    assert colourless(coloured("Red mug - round")) == ["Red mug - round"]


def test_a_text_of_nothing_but_colours_is_empty():
    assert colourless(coloured("Black - (White)"), coloured("", "Black"), coloured("", "White")) == ["", "", ""]


def test_letters_with_accents_are_letters():
    assert colourless(coloured("Chemise BLEU FONCÉ foncée", "bleu foncé")) == ["Chemise foncée"]


def test_the_own_brand_is_left_out_wherever_it_stands():
    found = texts(
        {"title": "Acme House mug by ACME HOUSE", "brand": "Acme House"},
        {"title": "House of Acme", "brand": "Other"},
        {"title": "H & M shirt", "brand": "H&M"},
        {"title": "Plain"},
        fields=("title", "brand"),
        leave_out=("brand",),
    )
    assert found == ["mug by", "House of Acme", "shirt", "Plain"]


def test_both_are_left_out_together():
    mug = coloured("Acme red mug", "Red", brand="Acme")
    assert texts(mug, fields=("title",), leave_out=("colour", "brand")) == ["mug"]
