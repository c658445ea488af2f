from benchmarks.speed.page import Table, circumstances, markdown_page


def test_a_page_says_where_it_was_made():
    table = Table("Speed", ("way", "s"), (("slow", "10.0"), ("fast", "1.0")), ("Once.",))
    assert table.text() == "Speed\n=====\nway      s\nslow  10.0\nfast   1.0\n\nOnce.\n"
    page = markdown_page("Benchmarks", circumstances(), [table])
    assert page.startswith("# Benchmarks\n\nMachine: ")
    assert "| way | s |\n| --- | ---: |\n| slow | 10.0 |\n| fast | 1.0 |\n\nOnce.\n" in page
    assert "Python 3." in page
    assert "Command: `python " in page
