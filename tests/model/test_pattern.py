from sysvitals.model.pattern import choose_by


def test_a_pattern_chooses_what_it_matches_as_a_whole() -> None:
    chosen = choose_by("sd[bc]|nvme.*")
    assert [chosen(name) for name in ("sdb", "sdb1", "nvme0n1")] == [True, False, True]


def test_without_a_pattern_nothing_was_chosen() -> None:
    assert choose_by("")("sda") is None
