"""The gate: people come first, in turns while something trains, and nobody is locked out."""

from __future__ import annotations

import threading
import time

import pytest

from training.jobs.gate import MAX_PER_SECOND, PATIENCE, SHARE, Gate

FOREVER = 30.0  # s; what waits that long has failed


class Clock:
    """Stands in for ``time``: it passes only while somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0  # as the real one demands
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("training.jobs.gate.time", clock)
    return clock


def starts(gate: Gate, clock: Clock, cost: float, count: int) -> list[float]:
    """When each of ``count`` pictures begins that take ``cost`` seconds and are wanted at once."""
    found = []
    for _ in range(count):
        with gate.foreground():
            found.append(clock.now)
            clock.sleep(cost)
    return found


def gaps(times: list[float]) -> list[float]:
    return [later - sooner for sooner, later in zip(times, times[1:], strict=False)]


def test_nobody_waits_while_nothing_trains(clock: Clock) -> None:
    assert gaps(starts(Gate(), clock, 0.25, 20)) == [0.25] * 19


@pytest.mark.parametrize("cost", [0.0, 0.002, 0.03, 0.2])
def test_beside_a_training_pictures_take_their_share_and_no_more(clock: Clock, cost: float) -> None:
    gate = Gate()
    with gate.training():
        times = starts(gate, clock, cost, 80)
    assert min(gaps(times)) >= 1 / MAX_PER_SECOND - 1e-9
    settled = gaps(times)[40:]
    assert cost / min(settled) <= SHARE * 1.001
    assert max(settled) <= max(cost / SHARE, 1 / MAX_PER_SECOND) * 1.001  # nor less than is theirs


def test_a_turn_that_nobody_took_is_not_waited_for(clock: Clock) -> None:
    gate = Gate()
    with gate.training():
        starts(gate, clock, 0.1, 5)
        clock.now += 10
        before = clock.now
        assert starts(gate, clock, 0.1, 1) == [before]


def test_one_very_slow_picture_does_not_keep_people_out_for_long(clock: Clock) -> None:
    gate = Gate()
    with gate.training():
        starts(gate, clock, 30.0, 1)
        slow, after = starts(gate, clock, 0.0, 2)
    assert after - slow <= PATIENCE / SHARE


def test_turns_end_with_the_last_training_and_not_before(clock: Clock) -> None:
    gate = Gate()
    with gate.training():
        with gate.training():
            pass
        assert min(gaps(starts(gate, clock, 0.0, 3))) > 0
    clock.now += 10
    assert gaps(starts(gate, clock, 0.0, 3)) == [0, 0]


def test_a_training_that_fails_ends_as_well(clock: Clock) -> None:
    gate = Gate()
    with pytest.raises(RuntimeError), gate.training():
        raise RuntimeError
    assert gaps(starts(gate, clock, 0.0, 3)) == [0, 0]


def held_back(gate: Gate) -> float:
    """Seconds that a step is held back."""
    before = time.monotonic()
    gate.hold_back()
    return time.monotonic() - before


def test_a_step_is_held_back_while_somebody_is_inside_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.jobs.gate.PATIENCE", FOREVER)
    gate, inside, leave = Gate(), threading.Event(), threading.Event()

    def look() -> None:
        with gate.foreground():
            inside.set()
            leave.wait(FOREVER)

    person = threading.Thread(target=look)
    person.start()
    assert inside.wait(FOREVER)
    threading.Timer(0.2, leave.set).start()
    assert 0.15 < held_back(gate) < FOREVER / 2
    person.join()
    assert held_back(gate) < FOREVER / 2


def test_a_step_goes_on_when_people_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.jobs.gate.PATIENCE", 0.1)
    gate, took = Gate(), list[float]()
    step = threading.Thread(target=lambda: took.append(held_back(gate)), daemon=True)
    with gate.foreground():
        step.start()
        step.join(FOREVER)
    assert took and took[0] > 0.09


def test_two_people_inside_are_both_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.jobs.gate.PATIENCE", 0.1)
    gate = Gate()
    with gate.foreground():
        with gate.foreground():
            pass
        assert held_back(gate) > 0.09


def test_an_exception_inside_leaves_the_gate_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.jobs.gate.PATIENCE", FOREVER)
    gate = Gate()
    with gate.training():
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), gate.foreground():
                raise ZeroDivisionError
        assert held_back(gate) < FOREVER / 2
        with gate.foreground():
            pass


def test_everybody_gets_in_one_after_the_other() -> None:
    gate, people, lock = Gate(), 12, threading.Lock()
    entered: list[float] = []

    def look() -> None:
        for _ in range(2):
            with gate.foreground(), lock:
                entered.append(time.monotonic())

    with gate.training():
        threads = [threading.Thread(target=look) for _ in range(people)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(FOREVER)
    assert len(entered) == 2 * people
    assert max(entered) - min(entered) >= (2 * people - 1) / MAX_PER_SECOND * 0.95
