#!/usr/bin/env python3
"""Leases of sites with hundreds of workers, on a virtual clock (doc/SCALING.md).

The rules are those of src/bulk/fleet_lease.c and src/store/fleet.h: chunks are claimed whole; a site
that is met is taken if it is free and else its rows are handed over; what was idle for 5 s is given
back; a beat adopts free sites that rows wait for; the dead are given up when their last beat is over;
who holds more than a share and a quarter gives the rest back. Rows go in groups of one domain, as
src/bulk/order.c deals them out.

    leases.py [--workers N] [--domains N] [--seconds N] [--deaths PER_HOUR] [--seed N]

Prints operations a second on leases, rows handed over, and how long sites with rows waited for an
owner. One second of the clock is one step.
"""
import argparse
import collections
import random

CHUNK, BEAT_S, TTL_S, IDLE_S, FOREIGN_S, ADOPT = 200, 3, 20, 5, 3, 200


class World:
    def __init__(self, args):
        self.args, self.chance = args, random.Random(args.seed)
        self.rate_of = {}
        self.count = collections.Counter()
        self.owner, self.free_since, self.waiting = {}, {}, collections.Counter()
        self.routed = collections.Counter()  # rows handed over, by site
        self.longest_wait, self.waits = 0, []
        self.workers = {i: Worker(i, -self.chance.randrange(BEAT_S)) for i in range(args.workers)}
        self.next_id = args.workers
        self.dead = []

    def group(self):
        """The site of a group of rows of one domain, and how many they are (LIMITS: a third at one
        operator, 15% at another, the rest small domains, half of them at a few hosters)."""
        p = self.chance.random()
        if p < 0.35:
            return "op0", 20
        if p < 0.50:
            return "op1", 20
        if p < 0.60:
            return "op2", 20
        domain = int(self.args.domains ** self.chance.random())  # Zipf, about
        if domain % 2 == 0:
            return f"hoster{domain % 40}", min(20, 1 + self.args.domains // (domain + 1) % 20)
        return f"d{domain}", 1 + self.chance.randrange(4)

    def rate(self, site):
        """Rows a second that its limits allow."""
        return 40 if site.startswith("op") else 20 if site.startswith("hoster") else 2


class Worker:
    def __init__(self, number, phase):
        self.id, self.phase, self.last_beat = number, phase, 0
        self.held, self.queue, self.used, self.foreign = {}, {}, {}, {}
        self.in_flight = self.claimed = self.seen_routed = 0


def free(world, site, now):
    world.owner.pop(site, None)
    if world.routed[site] > 0:
        world.free_since.setdefault(site, now)


def take(world, worker, site, now):
    world.count["taken"] += 1
    world.owner[site] = worker.id
    worker.held[site] = True
    worker.queue.setdefault(site, 0)
    worker.used[site] = now
    since = world.free_since.pop(site, None)
    if since is not None:
        world.waits.append(now - since)


def meet(world, worker, site, rows, now):
    owner = world.owner.get(site)
    if owner is None:
        take(world, worker, site, now)
        owner = worker.id
    if owner == worker.id:
        worker.queue[site] += rows
        worker.used[site] = now
        worker.in_flight += rows
        return
    if worker.foreign.get(site, -1) < now:  # asked for, and refused
        world.count["refused"] += 1
        worker.foreign[site] = now + FOREIGN_S
    world.count["handed"] += rows
    world.routed[site] += rows


def claim(world, worker, now):
    while worker.in_flight < world.args.window:
        for site in worker.held:  # handed rows before chunks
            rows = min(world.routed[site], 200)
            if rows:
                world.routed[site] -= rows
                world.count["task claims"] += 1
                worker.queue[site] += rows
                worker.used[site] = now
                worker.in_flight += rows
        if worker.in_flight >= world.args.window or worker.claimed >= 8:
            return
        if worker.seen_routed > world.args.window * len(world.workers):
            return  # more would only pile up
        world.count["chunks"] += 1
        rows = 0
        while rows < CHUNK:
            site, many = world.group()
            meet(world, worker, site, many, now)
            rows += many
        worker.claimed += 1


def serve(world, worker, now):
    for site, waiting in list(worker.queue.items()):
        done = min(waiting, world.rate(site))
        worker.queue[site] -= done
        worker.in_flight -= done
        world.count["rows"] += done
        if done:
            worker.used[site] = now


def beat(world, worker, now):
    world.count["beats"] += 1
    worker.last_beat = now
    worker.seen_routed = sum(world.routed.values())
    held = len(world.owner)
    share = -(-held // max(1, len(world.workers)))
    for site in [s for s, since in list(world.free_since.items())[:ADOPT]
                 if world.routed[s] > 0 and s not in world.owner]:
        if len(worker.held) > share + share // 4 + 4:
            break
        take(world, worker, site, now)
        world.count["adopted"] += 1
    for site in [s for s in worker.held if worker.queue[s] == 0 and now - worker.used[s] >= IDLE_S]:
        give(world, worker, site, now)
    excess = len(worker.held) - share
    if excess > share // 4 + 4:
        for site in list(worker.held)[:excess]:
            world.routed[site] += worker.queue[site]  # sent away, handed over
            world.count["handed"] += worker.queue[site]
            worker.in_flight -= worker.queue[site]
            give(world, worker, site, now)
            world.count["evened out"] += 1


def give(world, worker, site, now):
    world.count["given"] += 1
    worker.held.pop(site)
    worker.queue.pop(site)
    worker.used.pop(site)
    free(world, site, now)


def run(args):
    world = World(args)
    for now in range(args.seconds):
        for worker in list(world.workers.values()):
            if world.chance.random() < args.deaths / 3600:
                world.dead.append((worker.last_beat + TTL_S, world.workers.pop(worker.id)))
                fresh = Worker(world.next_id, now)
                world.workers[world.next_id] = fresh
                world.next_id += 1
                world.count["deaths"] += 1
                continue
            worker.claimed = 0
            claim(world, worker, now)
            serve(world, worker, now)
            if (now - worker.phase) % BEAT_S == 0:
                beat(world, worker, now)
        for over, worker in [d for d in world.dead if d[0] <= now]:
            world.dead.remove((over, worker))
            for site in list(worker.held):
                world.routed[site] += worker.queue[site]  # asked again, by whoever has it next
                world.count["repeated at most"] += worker.queue[site]
                free(world, site, now)
    return world


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=500)
    parser.add_argument("--domains", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--deaths", type=float, default=0.5, help="of each worker, an hour")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    world = run(args)
    seconds = args.seconds
    waits = sorted(world.waits)
    print(f"{args.workers} workers, {args.domains} domains, {seconds} s, seed {args.seed}")
    for name, many in sorted(world.count.items()):
        print(f"  {name:18} {many:10}  {many / seconds:10.1f} a second")
    print(f"  sites held at the end {len(world.owner)}; rows in flight"
          f" {sum(w.in_flight for w in world.workers.values())}")
    if waits:
        print(f"  a site with handed rows and no owner waited: median {waits[len(waits) // 2]} s,"
              f" 99% {waits[len(waits) * 99 // 100]} s, longest {waits[-1]} s ({len(waits)} times)")
    starving = [now_wait for now_wait in (args.seconds - s for s in world.free_since.values())]
    print(f"  still without an owner at the end: {len(starving)}"
          + (f", the longest for {max(starving)} s" if starving else ""))


if __name__ == "__main__":
    main()
