package io.varve.simulator;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One thing that goes wrong. All faults of a run are drawn before it begins, each with everything it needs, so that one can be left out while
 * the others stay as they are.
 *
 * @param number among the faults of its run; stays when others are left out
 * @param nanos when, after the volume was first open
 * @param node whom it concerns; {@code other}: the second one, where there are two
 * @param lengthNanos until it ends by itself
 * @param chance decides what is left to decide when it strikes
 */
record Fault(int number, long nanos, Kind kind, int node, int other, long lengthNanos, long chance) {
    /** Weights are shares of a draw, chosen so that crashes and cuts are about half of all. */
    enum Kind {
        /** The process dies; what it wrote stays. Starts again after the length. */
        KILL(4),
        /** The same, and the power of the node goes. */
        POWER_CUT(4),
        /** The power of all nodes goes. */
        POWER_CUT_ALL(2),
        /** All processes die. */
        KILL_ALL(1),
        /** The process does not run for the length, which may be longer than a lease. */
        PAUSE(6),
        /** Nothing gets through between two nodes. */
        CUT(4),
        /** Nothing gets from one node to the other. */
        CUT_ONE_WAY(4),
        /** A node is cut off from all others. */
        ISOLATE(3),
        /** Connections between two nodes end, with whatever was on its way. */
        RESET(3),
        /** What goes between two nodes takes up to 300 ms. */
        SLOW_LINK(2),
        /** Each operation of a disk takes up to 50 ms more. */
        SLOW_DISK(2),
        /** A disk answers nothing. */
        HUNG_DISK(2),
        /** Writes, or flushes, of a disk fail: the group serves nothing until the node starts again. */
        FAILING_DISK(2),
        /** The metadata group answers nobody. */
        TRUTH_AWAY(2),
        /** Half of the answers of the metadata group get lost, some commands are carried out seconds later. */
        TRUTH_LOSSY(3),
        /** What the metadata group is asked takes up to 3 s more. */
        TRUTH_SLOW(2),
        /** One node does not reach the metadata group; everything else it does. */
        TRUTH_CUT(3),
        /** The volume is moved to another node. */
        MOVE(4),
        /** The same, while the node that serves it does not hear of it: it is paused, cut off from the metadata group, or cut off from the other node. */
        TAKEOVER(6),
        /** The volume is moved from node to node, again and again. */
        FIGHT(2),
        /** The access point is told to compare the copies while all this goes on. */
        VERIFY(1),
        /** The process dies, or the power of its node goes, in the middle of some operation of its disk soon. */
        CRASH_WRITING(4),
        /** Blocks of one copy rot, while all others are there. */
        ROT(2),
        /** Members of the metadata group other than the leader follow up to 5 s late, and nodes act on what those show them. */
        TRUTH_LAGS(3),
        /** At the moment in which a set, or the copies of a slab, change next: somebody dies, is cut off, or hears of nothing, or the command is carried out again. */
        AT_CHANGE(8),
        /** A copy goes away for some seconds, and is disturbed again and again while it is being filled. */
        BREAK_COPY(4),
        /** Somebody writes until the disk groups have no room left, and gives it back after the length. */
        FILL(24, Needs.TIGHT),
        /** Clients may do little for the length. */
        LIMITS(2),
        /** A node, or its disk group, is drained, and after the length is not. */
        DRAIN(4, Needs.PLANNER),
        /** The volume shall have one, two or three copies, and so many of them have to be in sync. */
        SET_REPLICAS(3, Needs.PLANNER),
        /** Another node joins. */
        JOIN(1, Needs.PLANNER),
        /** A disk is lost for good, while all other copies are there; its node gets an empty one. */
        LOSE_DISK(2, Needs.PLANNER),
        /** A disk says that all is stable and keeps it in its cache, until the power of its node goes; all other copies are there. */
        LYING_DISK(2, Needs.PLANNER),
        /** Some writes of one disk are answered and not done, while all other copies are there. */
        LOST_WRITE(2, Needs.PLANNER),
        /** A write of one disk goes to another place, while all other copies are there. */
        MISDIRECTED_WRITE(2, Needs.PLANNER),
        /** The journal of one copy rots, and its process starts again, while all other copies are there. */
        ROT_JOURNAL(2, Needs.PLANNER);

        final int weight;
        private final Needs needs;

        Kind(int weight) {
            this(weight, Needs.NOTHING);
        }

        Kind(int weight, Needs needs) {
            this.weight = weight;
            this.needs = needs;
        }

        /** Whether others may take copies of the two nodes for lost. */
        boolean isFelt() {
            return compareTo(FAILING_DISK) <= 0 || this == CRASH_WRITING || this == ROT || this == LOSE_DISK;
        }

        /** Whether it damages what a disk holds, which takes {@link #REPAIR_NANOS} to be found and mended. */
        boolean isDamage() {
            return compareTo(LYING_DISK) >= 0;
        }

        boolean isDrawnIn(Scenario scenario) {
            return switch (needs) {
                case NOTHING -> true;
                case PLANNER -> scenario.plans();
                case TIGHT -> scenario.isTight();
            };
        }
    }

    private enum Needs {
        NOTHING,
        /** Only where the planner works is there an end to it. */
        PLANNER,
        /** Disks that can be filled. */
        TIGHT
    }

    private static final long SECOND = 1_000_000_000L;

    /** From a disk's first mistake until its copy was repaired, left out, or given up. */
    static final long REPAIR_NANOS = 9 * SECOND;

    static List<Fault> draw(Scenario scenario, SplittableRandom random) {
        List<Fault> faults = new ArrayList<>();
        List<Kind> kinds = Arrays.stream(Kind.values())
                .filter(kind -> kind.isDrawnIn(scenario))
                .toList();
        int total = kinds.stream().mapToInt(kind -> kind.weight).sum();
        for (int i = 0; i < scenario.faults(); i++) {
            int left = random.nextInt(total);
            Kind drawn = Kind.KILL;
            for (Kind kind : kinds) {
                left -= kind.weight;
                if (left < 0) {
                    drawn = kind;
                    break;
                }
            }
            int node = random.nextInt(scenario.nodes());
            int other = (node + 1 + random.nextInt(scenario.nodes() - 1)) % scenario.nodes();
            long longest = random.nextInt(3) == 0 ? 9 * SECOND : random.nextInt(2) == 0 ? SECOND : 4 * SECOND;
            long latest = scenario.disturbedNanos() - (drawn.isDamage() ? REPAIR_NANOS : 0);
            if (latest <= 0) {
                continue;
            }
            faults.add(new Fault(
                    i, random.nextLong(latest), drawn, node, other, 1 + random.nextLong(longest), random.nextLong()));
        }
        faults.sort(Comparator.comparingLong(Fault::nanos));
        return faults;
    }

    @Override
    public String toString() {
        return String.format(
                "fault %d at %.3f s: %s n%d n%d for %.3f s", number, nanos / 1e9, kind, node, other, lengthNanos / 1e9);
    }
}
