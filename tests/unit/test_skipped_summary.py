from support.skipped import summary


def test_nothing_is_said_when_nothing_was_skipped():
    assert summary([]) == ""


def test_what_is_not_there_is_one_line_with_how_to_get_it():
    said = summary(
        [
            *["Skipped: no real Gitea (DAMASCUS_TEST_GITEA names one)"] * 3,
            "Skipped: bubblewrap is not installed\nat all",
            "something else",
        ]
    )
    assert said == (
        "5 skipped: a real Gitea (set DAMASCUS_TEST_GITEA to its program): 3, "
        "bubblewrap (apt install bubblewrap): 1, something else: 1"
    )
