"""Answers that several ask for at once."""

import asyncio

import pytest

from damascus.api.single_flight import SingleFlight


class Desk:
    """Answers with the number of the making; each waits until it is let go."""

    def __init__(self):
        self.together = SingleFlight()
        self.made = 0
        self.go = asyncio.Event()

    async def make(self):
        self.made += 1
        mine = self.made
        await self.go.wait()
        return mine

    def asks(self, key="list"):
        return asyncio.ensure_future(self.together.ask(key, self.make))


async def turns():
    for _ in range(10):
        await asyncio.sleep(0)


def in_a_loop(scenario):
    def test():
        async def whole():
            desk = Desk()
            await scenario(desk)
            assert not desk.together._next, "nothing is held when nobody waits"
            assert not desk.together._under_way

        asyncio.run(whole())

    test.__name__ = scenario.__name__
    return test


@in_a_loop
async def test_twenty_who_ask_at_once_share_one_answer(desk):
    asked = [desk.asks() for _ in range(20)]
    await turns()
    desk.go.set()
    assert await asyncio.gather(*asked) == [1] * 20


@in_a_loop
async def test_who_asks_while_one_is_made_gets_the_next_one(desk):
    early = desk.asks()
    await turns()
    late = [desk.asks() for _ in range(5)]
    await turns()
    assert desk.made == 1, "one at a time"
    desk.go.set()
    assert await early == 1
    assert await asyncio.gather(*late) == [2] * 5


@in_a_loop
async def test_other_questions_do_not_wait(desk):
    asked = [desk.asks("one"), desk.asks("other")]
    await turns()
    assert desk.made == 2
    desk.go.set()
    assert sorted(await asyncio.gather(*asked)) == [1, 2]


@in_a_loop
async def test_an_error_is_everybodys_and_the_next_one_is_answered(desk):
    async def fail():
        await asyncio.sleep(0)
        raise ValueError("no")

    asked = [asyncio.ensure_future(desk.together.ask("list", fail)) for _ in range(3)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(error) for error in told] == ["no"] * 3
    desk.go.set()
    assert await desk.asks() == 1


@in_a_loop
async def test_one_who_leaves_does_not_take_the_answer_from_the_others(desk):
    leaving, staying = desk.asks(), desk.asks()
    await turns()
    leaving.cancel()
    await turns()
    desk.go.set()
    assert await staying == 1
    with pytest.raises(asyncio.CancelledError):
        await leaving


@in_a_loop
async def test_when_all_have_left_nothing_is_held(desk):
    leaving = desk.asks()
    await turns()
    leaving.cancel()
    desk.go.set()
    await turns()
    assert desk.made == 1
