import pytest
from pydantic import ValidationError

from candidates.errors import SettingsError
from candidates.settings import Settings


def written(folder, text):
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_chosen_is_the_defaults():
    assert Settings.read(None) == Settings()
    assert Settings().merge.strategy == "planned"


def test_a_file(tmp_path):
    path = written(tmp_path, '[text]\nfields = ["title"]\n[merge]\nn = 7\n[feed.columns]\ntitle = "naam"\n')
    chosen = Settings.read(path)
    assert chosen.text.fields == ("title",)
    assert chosen.merge.n == 7
    assert chosen.merge.k == Settings().merge.k
    assert chosen.feed.columns == {"title": "naam"}


def test_the_command_line_comes_before_the_file(tmp_path):
    path = written(tmp_path, "[merge]\nn = 7\nk = 3\n")
    chosen = Settings.read(path, merge={"n": 9}, image={"model": "phash"})
    assert (chosen.merge.n, chosen.merge.k, chosen.image.model) == (9, 3, "phash")


def test_every_mistake_is_named_at_once(tmp_path):
    path = written(
        tmp_path,
        '[merge]\nn = 0\nstrategy = "magic"\nbudget = -1\n[image]\nbits = 300\n[text]\nmodle = "x"\n[tekst]\na = 1\n'
        '[evaluation]\nmax_share = 2.0\ntext_depths = [5, 0]\n[feed]\ncolumns = "x"\n',
    )
    with pytest.raises(SettingsError) as caught:
        Settings.read(path)
    message = str(caught.value)
    mistakes = [
        "merge.n",
        "merge.strategy",
        "merge.budget",
        "image.bits",
        "text.modle",
        "tekst",
        "evaluation.max_share",
    ]
    for mistake in [*mistakes, "evaluation.text_depths.1", "feed.columns", "settings.toml"]:
        assert mistake in message
    assert message.count(";") == len(mistakes) + 1
    assert caught.value.fix


def test_mistakes_on_the_command_line_say_where():
    with pytest.raises(SettingsError, match=r"the command line: merge\.n"):
        Settings.read(None, merge={"n": 0})


def test_a_section_that_is_no_section(tmp_path):
    with pytest.raises(SettingsError, match="merge"):
        Settings.read(written(tmp_path, "merge = 3\n"), merge={"n": 2})


@pytest.mark.parametrize("content", [b"[merge\n", b"n = \xff\n", None])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        Settings.read(path)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings().merge.n = 3
    with pytest.raises(ValidationError):
        Settings().merge = Settings().merge


def test_what_is_shown_can_be_read_again():
    chosen = Settings.check({"merge": {"n": 3}, "text": {"fields": ["title"]}}, "here")
    assert Settings.check(chosen.model_dump(mode="json"), "here") == chosen


def test_every_setting_says_what_it_is_and_its_default_is_admitted():
    for name, section in Settings.model_fields.items():
        for key, setting in section.annotation.model_fields.items():
            assert setting.description, f"{name}.{key} has no description"
    assert Settings.check(Settings().model_dump(), "defaults") == Settings()
