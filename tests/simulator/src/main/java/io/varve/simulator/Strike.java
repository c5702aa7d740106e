package io.varve.simulator;

import io.varve.control.meta.MetaCommand;
import io.varve.dataplane.disk.DiskFaults;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.replication.Verification;
import io.varve.dataplane.volume.SlabVolume;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/** Makes a {@link Fault} happen, and end. Everything that a fault does is undone by itself, or by {@link #endAll}. */
final class Strike {
    private static final long MILLI = 1_000_000L;
    private static final long SLOWEST_LINK = 300 * MILLI;
    private static final long SLOWEST_DISK = 50 * MILLI;
    private static final long SLOWEST_TRUTH = 3_000 * MILLI;
    private static final int LOSES_ONE_IN = 2;
    private static final long OUTLIVES_NANOS = 8_000 * MILLI;
    private static final int MOST_COPIES = 3;
    private static final int MOST_NODES = 5;
    private static final int MOST_ROTTEN = 8;

    /** Operations of a disk until it crashes in one: some seconds' worth. */
    private static final int LONGEST_COUNTDOWN = 300;

    /** A lost copy is noticed, and taken out of the set, within this if nothing else happens. */
    private static final long SPARED_NANOS = 6_000 * MILLI;

    /** In a scenario whose metadata group is always lossy. */
    static final int USUALLY_LOSES_ONE_IN = 6;

    private final Cluster cluster;
    private final Consumer<String> different;
    private final Set<String> replaced = new HashSet<>();
    private boolean isOver;
    private long sparesUntilNanos;

    /** {@code different}: told what a comparison of the copies found. */
    Strike(Cluster cluster, Consumer<String> different) {
        this.cluster = cluster;
        this.different = different;
    }

    void strike(Fault fault) {
        if (isOver || cluster.scheduler.nanos() < sparesUntilNanos) {
            return;
        }
        cluster.trace.note(fault.number(), fault::toString);
        cluster.hurry();
        Node node = cluster.nodes.get(fault.node());
        Node other = cluster.nodes.get(fault.other());
        SplittableRandom chance = new SplittableRandom(fault.chance());
        long length = fault.lengthNanos();
        switch (fault.kind()) {
            case KILL -> kill(node, false, length);
            case POWER_CUT -> kill(node, true, length);
            case POWER_CUT_ALL -> cluster.nodes.forEach(each -> kill(each, true, chance.nextLong(length)));
            case KILL_ALL -> cluster.nodes.forEach(each -> kill(each, false, chance.nextLong(length)));
            case PAUSE -> node.pause(length);
            case CUT -> {
                cluster.network.cut(node.name, other.name);
                after(length, () -> cluster.network.heal(node.name, other.name));
            }
            case CUT_ONE_WAY -> {
                cluster.network.cutOneWay(node.name, other.name);
                after(length, () -> cluster.network.heal(node.name, other.name));
            }
            case ISOLATE -> isolate(node, length);
            case RESET -> cluster.network.reset(node.name, other.name);
            case SLOW_LINK -> {
                cluster.network.slow(node.name, other.name, 1 + chance.nextLong(SLOWEST_LINK));
                after(length, () -> cluster.network.slow(node.name, other.name, 0));
            }
            case SLOW_DISK, HUNG_DISK, FAILING_DISK -> disk(fault, node, chance);
            case TRUTH_AWAY -> {
                cluster.metadata.isAway = true;
                after(length, () -> cluster.metadata.isAway = false);
            }
            case TRUTH_LOSSY -> {
                cluster.metadata.losesOneIn = LOSES_ONE_IN;
                after(
                        length,
                        () -> cluster.metadata.losesOneIn = cluster.scenario.lossyTruth() ? USUALLY_LOSES_ONE_IN : 0);
            }
            case TRUTH_SLOW -> slowTruth(chance, length);
            case TRUTH_CUT -> cutFromTruth(node, length);
            case TAKEOVER -> takeOver(node, chance, length);
            case MOVE -> cluster.move(node);
            case FIGHT -> fight(chance, length);
            case VERIFY -> verify();
            case CRASH_WRITING -> crashWriting(node, chance, length);
            case ROT -> rot(node, chance);
            case DRAIN -> drain(node, chance.nextBoolean(), length);
            case SET_REPLICAS -> order(new MetaCommand.SetReplicas(cluster.volume(), 1 + chance.nextInt(MOST_COPIES)));
            case JOIN -> {
                if (cluster.nodes.size() < MOST_NODES) {
                    cluster.join();
                }
            }
            case LOSE_DISK -> loseDisk(node, length);
        }
    }

    /** Everything works again, and every process runs. */
    void endAll() {
        isOver = true;
        for (Node node : cluster.nodes) {
            for (Node other : cluster.nodes) {
                cluster.network.heal(node.name, other.name);
                cluster.network.slow(node.name, other.name, 0);
            }
            if (node.life() != null) {
                healDisk(node.disk.disk());
            }
            node.start();
        }
        cluster.metadata.isAway = false;
        cluster.metadata.losesOneIn = 0;
        cluster.metadata.slowNanos = 0;
        cluster.metadata.cutOff.clear();
    }

    /** Nobody is drained any more. Only when no order that was given before can be carried out later. */
    void endOrders() {
        for (Node node : cluster.nodes) {
            cluster.insist(new MetaCommand.DrainNode(node.name, false));
            cluster.insist(new MetaCommand.EvictGroup(node.disk.identity.group().toString(), false));
        }
    }

    /** Until it is carried out, or all is over. */
    private void order(MetaCommand command) {
        cluster.insist(command, () -> !isOver);
    }

    private void after(long nanos, Runnable undo) {
        cluster.world.schedule(nanos, () -> {
            if (!isOver) {
                cluster.hurry();
                undo.run();
            }
        });
    }

    private void kill(Node node, boolean powerCut, long downNanos) {
        if (node.life() != null) {
            node.crash(powerCut);
            after(downNanos, node::start);
        }
    }

    private void isolate(Node node, long length) {
        for (Node other : cluster.nodes) {
            if (other != node) {
                cluster.network.cut(node.name, other.name);
                after(length, () -> cluster.network.heal(node.name, other.name));
            }
        }
    }

    private void cutFromTruth(Node node, long length) {
        cluster.metadata.cutOff.add(node.name);
        after(length, () -> cluster.metadata.cutOff.remove(node.name));
    }

    private void slowTruth(SplittableRandom chance, long length) {
        cluster.metadata.slowNanos = 1 + chance.nextLong(SLOWEST_TRUTH);
        after(length, () -> cluster.metadata.slowNanos = 0);
    }

    private void takeOver(Node to, SplittableRandom chance, long drawn) {
        // Half of them last until the new one is open and the old one still does not know.
        long length = chance.nextBoolean() ? drawn : drawn + OUTLIVES_NANOS;
        SlabVolume open = cluster.served();
        Node.Life life = open == null ? null : cluster.lifeOf(open);
        if (life != null && life.node() != to) {
            Node from = life.node();
            switch (chance.nextInt(6)) {
                case 0 -> from.pause(length);
                case 1 -> {
                    cluster.network.cutOneWay(from.name, to.name);
                    after(length, () -> cluster.network.heal(from.name, to.name));
                    cutFromTruth(from, length);
                }
                case 2, 3 -> isolate(from, length);
                case 4 -> {
                    cutFromTruth(from, length);
                    slowTruth(chance, length);
                }
                default -> cutFromTruth(from, length);
            }
        }
        cluster.move(to);
    }

    private void disk(Fault fault, Node node, SplittableRandom chance) {
        if (node.life() == null) {
            return;
        }
        SimulatedDisk disk = node.disk.disk();
        switch (fault.kind()) {
            case SLOW_DISK -> disk.faults().slowDown(1 + chance.nextLong(SLOWEST_DISK));
            case HUNG_DISK -> disk.faults().hang();
            default ->
                disk.faults().fail(chance.nextBoolean() ? DiskFaults.Target.WRITE : DiskFaults.Target.FLUSH, Errno.EIO);
        }
        after(fault.lengthNanos(), () -> {
            if (node.life() != null && node.disk.disk() == disk) {
                healDisk(disk);
            }
        });
    }

    private void crashWriting(Node node, SplittableRandom chance, long length) {
        if (node.life() != null) {
            boolean powerCut = chance.nextBoolean();
            Node.Life life = node.life();
            node.disk
                    .disk()
                    .faults()
                    .whenStarted(
                            1 + chance.nextInt(LONGEST_COUNTDOWN),
                            () -> cluster.world.execute(() -> {
                                if (!isOver && node.life() == life) {
                                    cluster.hurry();
                                    kill(node, powerCut, length);
                                }
                            }));
        }
    }

    private void drain(Node node, boolean isWhole, long length) {
        String group = node.disk.identity.group().toString();
        order(drained(node, group, isWhole, true));
        after(length, () -> order(drained(node, group, isWhole, false)));
    }

    private static MetaCommand drained(Node node, String group, boolean isWhole, boolean isOn) {
        return isWhole ? new MetaCommand.DrainNode(node.name, isOn) : new MetaCommand.EvictGroup(group, isOn);
    }

    /** Nothing else goes wrong until the loss was noticed: a second one at the same moment may cost data, and nobody promises otherwise. */
    private void loseDisk(Node node, long length) {
        if (cluster.isUntroubled() && replaced.add(node.name)) {
            sparesUntilNanos = cluster.scheduler.nanos() + SPARED_NANOS;
            cluster.replaceDisk(node);
            after(length, node::start);
        }
    }

    /** Likewise. The copies are compared at once, and so repaired. */
    private void rot(Node node, SplittableRandom chance) {
        if (cluster.isUntroubled() && cluster.scenario.slabs() == 1) {
            sparesUntilNanos = cluster.scheduler.nanos() + SPARED_NANOS;
            node.disk.rot(1 + chance.nextInt(MOST_ROTTEN), chance);
            verify();
        }
    }

    private static void healDisk(SimulatedDisk disk) {
        disk.faults().heal();
        disk.resume();
    }

    private void fight(SplittableRandom chance, long length) {
        cluster.move(cluster.nodes.get(chance.nextInt(cluster.nodes.size())));
        long pause = 100 * MILLI + chance.nextLong(1_500 * MILLI);
        if (length > pause) {
            after(pause, () -> fight(chance, length - pause));
        }
    }

    private void verify() {
        SlabVolume open = cluster.served();
        if (open != null && cluster.scenario.slabs() == 1) {
            open.loop()
                    .execute(() -> open.verify(new Verification.Listener() {
                        @Override
                        public void compared(long done, long total, Verification.Finding finding) {
                            // A copy that cannot be read just now is among the places, and no difference.
                            if (finding.different() > 0) {
                                finding.places().forEach(different);
                            }
                        }

                        @Override
                        public void finished(String failure) {
                            // It does not get through while things go wrong; the one at the end must.
                        }
                    }));
        }
    }
}
