"""Turns, by a clock that the tests hold."""

import random
import time

from candidates.settings import FetchSettings
from intake.fetching.fetch import Fetched, Fetcher
from intake.fetching.politeness import Turns
from tests.intake.fetching.misbehaving_server import a_picture


def turns_of(jobs, per_host=1, pause=0.0):
    turns = Turns(per_host, pause)
    for job in jobs:
        turns.add(job[0], job)
    return turns


def take_all(turns, now=0.0):
    return list(iter(lambda: turns.take(now), None))


def test_hosts_take_turns():
    turns = turns_of(["a1", "a2", "a3", "b1", "c1", "c2"], per_host=9)
    assert take_all(turns) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_a_host_has_so_many_jobs_under_way_at_most():
    turns = turns_of(["a1", "a2", "a3", "b1"], per_host=2)
    assert take_all(turns) == ["a1", "b1", "a2"]
    turns.finish("a")
    assert take_all(turns) == ["a3"]
    assert turns.rest(0.0) is None


def test_a_pause_lies_between_two_jobs_of_a_host():
    turns = turns_of(["a1", "a2", "b1"], per_host=9, pause=2.0)
    assert take_all(turns) == ["a1", "b1"]
    assert turns.rest(0.5) == 1.5
    assert take_all(turns, 1.9) == []
    assert take_all(turns, 2.0) == ["a2"]


def test_what_failed_comes_later_and_before_the_others_of_its_host():
    turns = turns_of(["a1", "a2", "a3"])
    assert turns.take(0.0) == "a1"
    turns.finish("a")
    turns.later("a", "a1", 5.0)
    assert turns.take(1.0) == "a2"
    turns.finish("a")
    assert turns.take(5.0) == "a1"


def test_a_host_on_hold_is_left_alone_and_others_are_not():
    turns = turns_of(["a1", "a2", "b1", "b2"], per_host=9)
    assert turns.take(0.0) == "a1"
    turns.hold("a", 10.0)
    assert take_all(turns) == ["b1", "b2"]
    assert turns.rest(4.0) == 6.0
    assert take_all(turns, 10.0) == ["a2"]


def test_dropping_a_host_returns_all_that_wait_for_it():
    turns = turns_of(["a1", "a2", "b1"])
    assert turns.take(0.0) == "a1"
    turns.later("a", "a1", 5.0)
    turns.later("b", "b2", 1.0)
    turns.finish("a")
    assert turns.drop("a") == ["a2", "a1"]
    assert take_all(turns, 9.0) == ["b2"]
    turns.finish("b")
    assert take_all(turns, 9.0) == ["b1"]
    assert turns.rest(9.0) is None


def test_in_any_course_of_events_no_job_is_lost_or_taken_twice():
    chance = random.Random(3)
    for _ in range(100):
        jobs = [f"{chance.choice('abc')}{number}" for number in range(30)]
        turns = turns_of(jobs, per_host=chance.randint(1, 3), pause=chance.choice([0.0, 0.3]))
        now, running_jobs, done = 0.0, [], []
        while len(done) < len(jobs):
            now += chance.random()
            if (job := turns.take(now)) is not None:
                running_jobs.append(job)
            assert all(sum(one[0] == host for one in running_jobs) <= turns.per_host for host in "abc")
            if running_jobs and chance.random() < 0.7:
                job = running_jobs.pop(chance.randrange(len(running_jobs)))
                turns.finish(job[0])
                if chance.random() < 0.3:
                    turns.later(job[0], job, now + 3 * chance.random())
                    if chance.random() < 0.3:
                        turns.hold(job[0], now + chance.random())
                else:
                    done.append(job)
        assert sorted(done) == sorted(jobs)
        assert turns.rest(now) is None or turns.take(now + 9) is None


def fetch_slow_ones(server, folder, hosts, **limits):
    urls = []
    for number in range(8):

        @server.on(f"/{number}")
        def _(exchange, number=number):
            time.sleep(0.03)
            exchange.answer(a_picture(number))

        urls += [server.url(f"/{number}", host) for host in hosts]
    chosen = FetchSettings(allow_private=True, timeout=2.0, **limits)
    outcomes = Fetcher(folder, chosen, resolver=lambda host, port: ["127.0.0.1"], backoff=0.01).fetch(urls)
    assert all(isinstance(outcome, Fetched) for outcome in outcomes.values())


def test_one_host_is_asked_so_many_times_at_once_at_most(server, tmp_path):
    fetch_slow_ones(server, tmp_path, ["shop.test"], per_host=2)
    assert server.most == 2


def test_all_hosts_together_are_asked_so_many_times_at_once_at_most(server, tmp_path):
    fetch_slow_ones(server, tmp_path, ["a.test", "b.test", "c.test"], concurrency=3)
    assert server.most == 3


def test_requests_to_one_host_begin_apart(server, tmp_path):
    fetch_slow_ones(server, tmp_path, ["shop.test"], pause=0.05)
    assert server.asked[-1].when - server.asked[0].when > 7 * 0.05 - 0.05
