from benchmarks.speed.timing import Spread, interleaved, significant


def test_tasks_take_turns_and_the_first_round_is_not_kept():
    did, kept = [], []
    tasks = {name: lambda turn, name=name: did.append((name, turn)) or name + str(turn) for name in "AB"}
    seconds = interleaved(tasks, 2, keep=lambda name, made: kept.append(made))
    assert did == [("A", 0), ("B", 0), ("A", 0), ("B", 0), ("A", 1), ("B", 1)]
    assert kept == ["A0", "B0", "A1", "B1"]
    assert [len(spent) for spent in seconds.values()] == [2, 2]


def test_figures_have_three_digits():
    assert [significant(value) for value in (0, 0.01234, 1.005, 12.34, 1234.5)] == [
        "0",
        "0.0123",
        "1.00",
        "12.3",
        "1,234",
    ]
    assert str(Spread.of([3.0, 1.0, 2.0])) == "2.00 (1.00–3.00)"
    assert str(Spread.of([2.0])) == "2.00"
