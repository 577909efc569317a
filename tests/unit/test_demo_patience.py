"""The demonstration waits for as long as anything moves, however slow the machine is."""

from damascus.demo.run import _Progress


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_state_that_changes_is_waited_for_however_long_it_takes_in_all():
    clock = Clock()
    progress = _Progress(300.0, clock)
    for step in range(20):
        clock.now += 290.0
        assert not progress.stands_still(step)


def test_a_state_that_stays_the_same_for_longer_than_the_patience_is_given_up():
    clock = Clock()
    progress = _Progress(300.0, clock)
    assert not progress.stands_still("building")
    clock.now = 300.0
    assert not progress.stands_still("building")
    clock.now = 301.0
    assert progress.stands_still("building")
