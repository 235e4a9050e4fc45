"""One site's trouble is never another's."""

from __future__ import annotations

from moderation.webhooks.traffic import SLOTS, SLOTS_IN_TROUBLE, SLOTS_PER_SITE, Traffic


def fail(traffic: Traffic, site: str, *, now: float) -> None:
    traffic.finish(site, traffic.start(site), is_well=False, seconds=0.1, now=now)


def test_site_has_a_small_share() -> None:
    traffic = Traffic()

    for _ in range(SLOTS_PER_SITE):
        assert traffic.room("alice", now=0)
        traffic.start("alice")

    assert traffic.room("alice", now=0) == 0
    assert traffic.room("bob", now=0) == SLOTS_PER_SITE


def test_failing_site_pauses_longer_each_time_up_to_a_minute() -> None:
    traffic, now, pauses = Traffic(), 0.0, []

    for _ in range(9):
        fail(traffic, "alice", now=now)
        pause = next(seconds for seconds in range(100) if traffic.room("alice", now=now + seconds))
        pauses.append(pause)
        now += pause

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert traffic.room("bob", now=0) == SLOTS_PER_SITE


def test_success_ends_the_trouble() -> None:
    traffic = Traffic()
    fail(traffic, "alice", now=0)
    assert traffic.room("alice", now=1) == 1

    traffic.finish("alice", traffic.start("alice"), is_well=True, seconds=0.1, now=1)

    assert traffic.room("alice", now=1) == SLOTS_PER_SITE


def test_slow_site_sends_one_at_a_time() -> None:
    traffic = Traffic()
    traffic.finish("alice", traffic.start("alice"), is_well=True, seconds=14.0, now=0)

    assert traffic.room("alice", now=0) == 1
    traffic.start("alice")
    assert traffic.room("alice", now=0) == 0


def test_any_number_of_failing_sites_leaves_half_of_the_slots_to_the_others() -> None:
    traffic = Traffic()
    names = [f"failing{number}" for number in range(100)]
    for name in names:
        fail(traffic, name, now=0)

    started = 0
    for name in names:
        if traffic.room(name, now=10):
            traffic.start(name)
            started += 1

    assert started == SLOTS_IN_TROUBLE
    assert traffic.under_way == SLOTS_IN_TROUBLE < SLOTS
    assert traffic.room("healthy", now=10) == SLOTS_PER_SITE


def test_total_is_limited() -> None:
    traffic = Traffic()

    for number in range(100):
        for _ in range(traffic.room(f"site{number}", now=0)):
            traffic.start(f"site{number}")

    assert traffic.under_way == SLOTS


def test_paused_site_waits() -> None:
    traffic = Traffic()
    traffic.pause("alice", until=5)

    assert traffic.room("alice", now=4.9) == 0
    assert traffic.room("alice", now=5) == SLOTS_PER_SITE
