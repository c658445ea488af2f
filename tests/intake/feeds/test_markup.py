import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.feeds.markup import plain_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("plain  words\n here", "plain words here"),
        ("<p>One.</p><p>Two.</p>", "One. Two."),
        ("One<br />two<br>three", "One two three"),
        ("<ul><li>a</li><li>b</li></ul>c", "a b c"),
        ("<table><tr><td>S</td><td>M</td></tr></table>", "S M"),
        ("<b>bo</b>ld and <em>it</em>alic", "bold and italic"),
        ("<P CLASS='x'>Big</P><P>small</P>", "Big small"),
        ("&bull; T-shirt &amp; jeans &#8211; 5&quot; &nbsp;x", '• T-shirt & jeans – 5" x'),
        ("fish &amp chips", "fish & chips"),
        ("5 < 6 & 7 > 2", "5 < 6 & 7 > 2"),
        ("a<script>if (a < b) { x() }</script>b", "a b"),
        ("a<style>#x > p { }</style>b", "a b"),
        ("a<script>never closed", "a"),
        ("</script>seen", "seen"),
        ("a<!-- not seen -->b", "ab"),
        ("<my-widget>a</my-widget>b", "a b"),
    ],
)
def test_words_of_markup(markup, text):
    assert plain_text(markup) == text


@pytest.mark.parametrize(
    "markup", ["<p>a</p><![foo[ b", "<![ x", "<!x y", "<![CDATA[a", "<?php x", "&#xFFFFFFFF; &#0;"]
)
def test_broken_markup_is_no_error(markup):
    assert isinstance(plain_text(markup), str)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["<", ">", "!", "[", "]", "--", "p", "&", "#", ";", "/", "script", " ", '"', "=", "?", "é"]),
        max_size=20,
    )
)
def test_any_soup_becomes_text_without_runs_of_space(pieces):
    text = plain_text("".join(pieces))
    assert text == " ".join(text.split())
