package io.varve.simulator;

import static java.util.Objects.requireNonNull;

import io.varve.api.LimitChange;
import io.varve.api.Slab;
import io.varve.control.meta.MetaCommand;
import io.varve.dataplane.disk.DiskFaults;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.replication.CopyProgress;
import io.varve.dataplane.replication.Verification;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

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
    private static final long LAG_NANOS = 5_000 * MILLI;

    /** What was wrong with a node may have made somebody take its copies for lost for so long afterwards. */
    private static final long AFTERMATH_NANOS = 8_000 * MILLI;

    /** A process that is started again at once. */
    private static final long QUICK_RESTART_NANOS = 300 * MILLI;

    /** Between two tries to have the volume moved. */
    private static final long MOVE_AGAIN_NANOS = 700 * MILLI;

    private static final int MOST_MOVES = 5;

    /** From the end of a copy's absence on, how long it is disturbed while it is being filled; how often one looks; one look in so many disturbs. */
    private static final long BREAKING_NANOS = 8_000 * MILLI;

    private static final long BREAK_LOOK_NANOS = 4 * MILLI;
    private static final int BREAKS_ONE_IN = 12;
    private static final long SLOWEST_COPY = 10 * MILLI;

    /** A disk does wrong for so long at most; then what it did is looked for. */
    private static final long DAMAGING_NANOS = 1_500 * MILLI;

    private static final long REPAIR_NANOS = Fault.REPAIR_NANOS;
    /** One a second, for a copy that is left out. */
    private static final int MOST_LOOKS = 30;

    /** Limits that clients feel. */
    private static final int FEWEST_IOPS = 10;

    private static final int MOST_IOPS = 200;
    private static final long LEAST_BANDWIDTH = 1 << 20;

    /** Operations of a disk until it crashes in one: some seconds' worth. */
    private static final int LONGEST_COUNTDOWN = 300;

    /** A lost copy is noticed, and taken out of the set, within this if nothing else happens. */
    private static final long SPARED_NANOS = 6_000 * MILLI;

    /** In a scenario whose metadata group is always lossy. */
    static final int USUALLY_LOSES_ONE_IN = 6;

    private final Cluster cluster;
    private final Consumer<String> different;
    private final Set<String> replaced = new HashSet<>();
    /** An {@link Fault.Kind#AT_CHANGE} that waits for its moment. */
    private @Nullable Fault awaiting;

    private int fillings;
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
        if (fault.kind().isFelt()) {
            trouble(node, length);
            trouble(other, length);
        }
        switch (fault.kind()) {
            case KILL -> kill(node, false, length);
            case POWER_CUT -> kill(node, true, length);
            // While clients are in a hurry.
            case POWER_CUT_ALL -> after(chance.nextLong(250 * MILLI), () -> killAll(true, chance, length));
            case KILL_ALL -> killAll(false, chance, length);
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
            case SET_REPLICAS -> setReplicas(1 + chance.nextInt(MOST_COPIES), chance);
            case JOIN -> {
                if (cluster.nodes.size() < MOST_NODES) {
                    cluster.join();
                }
            }
            case LOSE_DISK -> loseDisk(node, length);
            case TRUTH_LAGS -> lag(length);
            case AT_CHANGE -> awaiting = fault;
            case BREAK_COPY -> breakCopy(node, chance, length);
            case FILL -> fill(length);
            case LIMITS -> {
                order(limits(
                        chance.nextLong(FEWEST_IOPS, MOST_IOPS),
                        chance.nextBoolean() ? 0 : LEAST_BANDWIDTH,
                        100 + chance.nextInt(1_000)));
                after(length, () -> order(limits(0, 0, 0)));
            }
            case LYING_DISK, LOST_WRITE, MISDIRECTED_WRITE, ROT_JOURNAL -> damage(fault.kind(), node, chance);
        }
    }

    /** A command is being carried out. */
    void committed(MetaCommand command) {
        Fault fault = awaiting;
        if (fault == null || isOver || cluster.scheduler.nanos() < sparesUntilNanos) {
            return;
        }
        SplittableRandom chance = new SplittableRandom(fault.chance());
        int moment = chance.nextInt(cluster.scenario.plans() ? 7 : 4);
        boolean isIt = switch (moment) {
            case 0 -> command instanceof MetaCommand.Open;
            case 1 -> command instanceof MetaCommand.Attach;
            case 2, 3 ->
                command instanceof MetaCommand.ChangeIsr change
                        && !change.slabs().isEmpty();
            case 4 -> command instanceof MetaCommand.ReplicasCreated || command instanceof MetaCommand.SetReplicas;
            default -> command instanceof MetaCommand.RetireCopies;
        };
        if (isIt) {
            awaiting = null;
            cluster.trace.note(fault.number(), () -> "at " + command.getClass().getSimpleName() + ": " + fault);
            cluster.hurry();
            atChange(fault, command, chance);
        }
    }

    private void atChange(Fault fault, MetaCommand command, SplittableRandom chance) {
        Node node = cluster.nodes.get(fault.node());
        Node access = cluster.accessNode();
        long length = fault.lengthNanos();
        if (command instanceof MetaCommand.RetireCopies) {
            // Another copy is lost before its access point hears that this one may go.
            lag(length + LAG_NANOS);
            away(holderBut(access, chance), chance, length);
            return;
        }
        if (chance.nextInt(4) == 0) {
            lag(length);
        }
        switch (chance.nextInt(6)) {
            case 0 -> {
                if (access != null) {
                    loseTouch(access, length + OUTLIVES_NANOS);
                    moveTo(holderBut(access, chance), MOST_MOVES);
                }
            }
            case 1 -> {
                cluster.metadata.again(command, chance.nextLong(LAG_NANOS));
                away(node, chance, length);
            }
            case 2 -> cluster.metadata.again(command, chance.nextLong(LAG_NANOS));
            case 3 -> {
                if (access != null) {
                    away(access, chance, length);
                }
            }
            default -> away(holderBut(access, chance), chance, length);
        }
    }

    /** A node that has a copy in sync, and is not that one; if there is none, any. */
    private Node holderBut(@Nullable Node not, SplittableRandom chance) {
        List<Node> holders = new ArrayList<>();
        for (Slab slab : cluster.slabsNow()) {
            for (String group : slab.getIsrList()) {
                Node holder = cluster.nodeOf(group);
                if (holder != null && holder != not) {
                    holders.add(holder);
                }
            }
        }
        List<Node> any = holders.isEmpty() ? cluster.nodes : holders;
        return any.get(chance.nextInt(any.size()));
    }

    private void away(Node node, SplittableRandom chance, long length) {
        trouble(node, length);
        switch (chance.nextInt(4)) {
            case 0 -> kill(node, false, length);
            case 1 -> kill(node, true, chance.nextLong(QUICK_RESTART_NANOS));
            case 2 -> loseTouch(node, length);
            default -> node.pause(length);
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
        cluster.metadata.lagNanos = 0;
        cluster.metadata.cutOff.clear();
        cluster.isFilling = false;
        cluster.nodes.forEach(node -> node.isDoubtful = false);
    }

    /** Nobody is drained or limited any more. Only when no order that was given before can be carried out later. */
    void endOrders() {
        cluster.insist(limits(0, 0, 0));
        cluster.insist(new MetaCommand.SetReplicas(cluster.volume(), 0, OptionalInt.of(0)));
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

    /** From now on, and for a while after that time, others may take the node's copies for lost. */
    private void trouble(Node node, long length) {
        node.troubledUntilNanos =
                Math.max(node.troubledUntilNanos, cluster.scheduler.nanos() + length + AFTERMATH_NANOS);
    }

    private void killAll(boolean powerCut, SplittableRandom chance, long length) {
        for (Node each : cluster.nodes) {
            trouble(each, length);
            kill(each, powerCut, chance.nextLong(length));
        }
    }

    private void kill(Node node, boolean powerCut, long downNanos) {
        if (node.life() != null) {
            node.crash(powerCut);
            after(downNanos, node::start);
        }
    }

    /** Cut off from all others. */
    private void loseTouch(Node node, long length) {
        trouble(node, length);
        isolate(node, length);
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
            trouble(from, length);
            switch (chance.nextInt(8)) {
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
                case 5 -> {
                    isolate(from, drawn + OUTLIVES_NANOS);
                    restartOthers(from, chance);
                }
                default -> cutFromTruth(from, length);
            }
        }
        moveTo(to, MOST_MOVES);
    }

    /** All other processes start again at once, and have to know what they have to wait for. */
    private void restartOthers(Node not, SplittableRandom chance) {
        for (Node each : cluster.nodes) {
            if (each != not) {
                trouble(each, QUICK_RESTART_NANOS);
                kill(each, false, chance.nextLong(QUICK_RESTART_NANOS));
            }
        }
    }

    /** Asked for again where the metadata group did not answer. */
    private void moveTo(Node to, int times) {
        boolean isWanted = cluster.volumeNow()
                .map(now -> now.getWantedNode().equals(to.name))
                .orElse(true);
        if (!isWanted) {
            cluster.move(to);
            if (times > 1) {
                after(MOVE_AGAIN_NANOS, () -> moveTo(to, times - 1));
            }
        }
    }

    private void lag(long length) {
        cluster.metadata.lagNanos = LAG_NANOS;
        after(length, () -> cluster.metadata.lagNanos = 0);
    }

    private void setReplicas(int copies, SplittableRandom chance) {
        order(
                chance.nextInt(3) > 0
                        ? new MetaCommand.SetReplicas(cluster.volume(), copies)
                        : new MetaCommand.SetReplicas(
                                cluster.volume(), copies, OptionalInt.of(chance.nextInt(copies + 1))));
    }

    private MetaCommand limits(long iops, long bytesPerSecond, int burstMillis) {
        return new MetaCommand.SetReplicas(
                cluster.volume(),
                0,
                OptionalInt.empty(),
                LimitChange.newBuilder()
                        .setIops(iops)
                        .setBandwidthBytesPerSecond(bytesPerSecond)
                        .setBurstMillis(burstMillis)
                        .build());
    }

    private void fill(long length) {
        cluster.isFilling = true;
        int mine = ++fillings;
        after(length, () -> cluster.isFilling &= fillings != mine);
    }

    /** The node goes for long enough that its copies leave their sets; then they are disturbed while they are being filled. */
    private void breakCopy(Node node, SplittableRandom chance, long length) {
        trouble(node, length + BREAKING_NANOS);
        kill(node, chance.nextBoolean(), length);
        for (Node other : cluster.nodes) {
            cluster.network.slow(node.name, other.name, 1 + chance.nextLong(SLOWEST_COPY));
        }
        long end = cluster.scheduler.nanos() + length + BREAKING_NANOS;
        after(
                length + BREAKING_NANOS,
                () -> cluster.nodes.forEach(other -> cluster.network.slow(node.name, other.name, 0)));
        after(length, () -> breakCopies(chance, end));
    }

    private void breakCopies(SplittableRandom chance, long end) {
        Node access = cluster.accessNode();
        if (isOver || cluster.scheduler.nanos() > end) {
            return;
        }
        if (access != null && cluster.scheduler.nanos() >= sparesUntilNanos) {
            for (CopyProgress copy :
                    requireNonNull(cluster.served()).accessPoints().copies()) {
                Node at = cluster.nodeOf(copy.group());
                if (at != null && !copy.state().equals("WAITING") && chance.nextInt(BREAKS_ONE_IN) == 0) {
                    cluster.hurry();
                    switch (chance.nextInt(4)) {
                        case 0 -> kill(at, chance.nextBoolean(), chance.nextLong(QUICK_RESTART_NANOS));
                        case 1 -> kill(access, false, chance.nextLong(QUICK_RESTART_NANOS));
                        default -> cluster.network.reset(access.name, at.name);
                    }
                    break;
                }
            }
        }
        cluster.world.schedule(BREAK_LOOK_NANOS, () -> breakCopies(chance, end));
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

    /** Likewise. The copies are compared, and so repaired, after clients have read for a while. */
    private void rot(Node node, SplittableRandom chance) {
        if (cluster.isUntroubled() && cluster.scenario.slabs() == 1) {
            sparesUntilNanos = cluster.scheduler.nanos() + SPARED_NANOS;
            node.disk.rot(1 + chance.nextInt(MOST_ROTTEN), chance);
            after(chance.nextLong(SPARED_NANOS / 2), this::verify);
        }
    }

    /**
     * A disk does wrong without saying so. Likewise: nothing else goes wrong until its copy was looked through, or given up because its journal cannot be
     * read any more.
     */
    private void damage(Fault.Kind kind, Node node, SplittableRandom chance) {
        if (!cluster.isUntroubled() || cluster.scenario.slabs() > 1 || node.life() == null) {
            return;
        }
        sparesUntilNanos = cluster.scheduler.nanos() + REPAIR_NANOS;
        node.isDoubtful = true;
        cluster.wasDamaged = true;
        trouble(node, REPAIR_NANOS);
        SimulatedDisk disk = node.disk.disk();
        switch (kind) {
            case LYING_DISK -> disk.faults().lie(true);
            // Two would be data and its checksum: nobody can see that (docs/internals/faults.md).
            case LOST_WRITE -> disk.faults().dropWrites(1);
            case MISDIRECTED_WRITE ->
                disk.faults()
                        .misdirectNextWrite(
                                chance.nextLong(disk.sizeBytes() / Geometry.BLOCK_BYTES) * Geometry.BLOCK_BYTES);
            default -> node.disk.rotJournal(1 + chance.nextInt(MOST_ROTTEN), chance);
        }
        boolean restarts = kind == Fault.Kind.LYING_DISK || kind == Fault.Kind.ROT_JOURNAL || chance.nextBoolean();
        boolean powerCut = kind == Fault.Kind.LYING_DISK || chance.nextBoolean();
        long then = 1 + chance.nextLong(DAMAGING_NANOS);
        long commits = node.disk.index.commits();
        after(then, () -> {
            // What a checkpoint put in place and the disk forgets, with its checksums, looks as if it had never been
            // written.
            boolean isSeen = kind != Fault.Kind.LYING_DISK || node.disk.index.commits() == commits;
            if (restarts && isSeen && node.life() != null) {
                node.crash(powerCut);
                node.start();
            } else if (node.life() != null && node.disk.disk() == disk) {
                healDisk(disk);
            }
        });
        after(2 * REPAIR_NANOS / 3, () -> {
            giveUpWhatIsLeftOut(node, MOST_LOOKS);
            verify();
        });
        after(REPAIR_NANOS, () -> node.isDoubtful = false);
    }

    /**
     * A disk group that does not open any more, or lost what it had acknowledged, does not come back by itself: somebody replaces the disk. Looks for a while, also
     * when all other faults are over, since the set may change late.
     */
    private void giveUpWhatIsLeftOut(Node node, int looks) {
        String group = node.disk.identity.group().toString();
        Node.Life life = node.life();
        boolean isOut = cluster.slabsNow().stream()
                .anyMatch(slab -> slab.getReplicasList().stream()
                                .anyMatch(replica -> replica.getGroup().equals(group))
                        && !slab.getIsrList().contains(group));
        if (((life != null && life.refused != null) || isOut) && replaced.add(node.name)) {
            cluster.replaceDisk(node);
            node.start();
        } else if (looks > 1) {
            cluster.world.schedule(Cluster.SECOND, () -> giveUpWhatIsLeftOut(node, looks - 1));
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
