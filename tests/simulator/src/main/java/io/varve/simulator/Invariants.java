package io.varve.simulator;

import static java.util.Objects.requireNonNull;

import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.StreamState;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.model.Redundancy;
import io.varve.model.StreamId;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What must hold at every moment, looked at from outside while the cluster runs: the numbers are those of docs/internals/protocol.md. Keeps what was
 * seen before, so that nothing goes back over a crash either.
 */
final class Invariants {
    /** Tasks and timers of one process: some for each connection, request and checkpoint, and never ever more. */
    private static final int MOST_WAITING = 5_000;

    /** Whoever decides on copies may go by what was true so long ago. */
    private static final long STALE_NANOS = 15 * Cluster.SECOND;

    private final Cluster cluster;
    private final Map<String, Integer> promised = new HashMap<>();
    private final Map<String, Long> durable = new HashMap<>();
    private final Map<Integer, Long> committed = new HashMap<>();
    private final Map<Integer, Integer> gens = new HashMap<>();
    private final Map<Integer, Slab> slabs = new HashMap<>();
    /** When it was last said how many copies there should be, or where. */
    private long changedNanos;

    private int epoch;

    Invariants(Cluster cluster) {
        this.cluster = cluster;
    }

    void check() {
        Volume volume = cluster.volumeNow().orElse(null);
        if (volume == null) {
            return;
        }
        rises("epoch", epoch, volume.getEpoch());
        epoch = volume.getEpoch();
        for (Slab slab : cluster.slabsNow()) {
            checkSlab(volume, slab);
        }
        for (Node node : cluster.nodes) {
            Node.Life life = node.life();
            if (life != null && life.loop.waiting() > MOST_WAITING) {
                throw new Violation("bounded queues", node.name + " has " + life.loop.waiting() + " tasks waiting");
            }
        }
        for (SlabVolume open : cluster.allOpen()) {
            if (open.accessPoints().epoch() > epoch) {
                throw new Violation(
                        "10 epochs come from the truth",
                        "epoch " + open.accessPoints().epoch());
            }
        }
    }

    /** After each command: a set never shrinks below what is enough. It may be smaller already, where more copies are wanted than before. */
    void committed(MetaCommand command) {
        Volume volume = cluster.volumeNow().orElse(null);
        if (volume == null) {
            return;
        }
        if (command instanceof MetaCommand.SetReplicas || command instanceof MetaCommand.PlaceCopies) {
            changedNanos = cluster.scheduler.nanos();
        }
        int enough = Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore());
        for (Slab slab : cluster.slabsNow()) {
            Slab before = slabs.put(slab.getIndex(), slab);
            if (before == null) {
                continue;
            }
            if (slab.getOpenedEpoch() > 0 && slab.getIsrCount() < Math.min(before.getIsrCount(), enough)) {
                throw new Violation(
                        "10 enough in sync",
                        "slab " + slab.getIndex() + " had " + before.getIsrList() + " and has " + slab.getIsrList());
            }
            if (cluster.scheduler.nanos() - changedNanos > STALE_NANOS) {
                checkLeaving(volume, before, slab, command instanceof MetaCommand.ChangeIsr);
            }
            if (slab.getOpenedEpoch() > before.getOpenedEpoch()) {
                checkSlab(volume, slab);
            }
        }
    }

    /**
     * A copy goes when there are enough others, not before: it is told to when as many as are wanted are in sync without it, and is taken out of the set while they
     * still are, unless it was lost itself.
     */
    private void checkLeaving(Volume volume, Slab before, Slab slab, boolean isChange) {
        int good = 0;
        int wanted = 0;
        int leaving = 0;
        for (Replica replica : slab.getReplicasList()) {
            boolean isLeaving = replica.getPhase() == ReplicaPhase.REPLICA_LEAVING;
            leaving += isLeaving ? 1 : 0;
            wanted += replica.getPhase() == ReplicaPhase.REPLICA_CREATED ? 1 : 0;
            good += !isLeaving && slab.getIsrList().contains(replica.getGroup()) ? 1 : 0;
        }
        int leavingBefore = 0;
        for (Replica replica : before.getReplicasList()) {
            leavingBefore += replica.getPhase() == ReplicaPhase.REPLICA_LEAVING ? 1 : 0;
        }
        if (leaving > leavingBefore && good < volume.getReplicas()) {
            throw new Violation(
                    "a copy is retired when enough others are in sync", slab.getIsrList() + " of " + before);
        }
        if (!isChange || good >= Math.min(volume.getReplicas(), wanted)) {
            return;
        }
        Node access = cluster.accessNode();
        for (Replica replica : slab.getReplicasList()) {
            String group = replica.getGroup();
            Node node = cluster.nodeOf(group);
            boolean isTakenOut = replica.getPhase() == ReplicaPhase.REPLICA_LEAVING
                    && before.getIsrList().contains(group)
                    && !slab.getIsrList().contains(group);
            if (isTakenOut && isWell(node) && isWell(access)) {
                throw new Violation(
                        "a copy leaves when enough others are in sync",
                        requireNonNull(node).name + " is taken out, which leaves " + slab.getIsrList() + " of "
                                + before);
            }
        }
    }

    private boolean isWell(@Nullable Node node) {
        return node != null && node.troubledUntilNanos < cluster.scheduler.nanos();
    }

    private void checkSlab(Volume volume, Slab slab) {
        int index = slab.getIndex();
        rises("gen of slab " + index, gens.getOrDefault(index, 0), slab.getGen());
        gens.put(index, slab.getGen());
        long stream = StreamId.of(volume.getId(), index);
        for (Node node : cluster.nodes) {
            StreamState state = state(node, stream);
            if (state != null) {
                committed.merge(index, state.commitSeq(), Math::max);
                String place = place(node, index, state);
                if (node.isDoubtful) {
                    promised.remove(place);
                    durable.remove(place);
                    continue;
                }
                rises("5 promise of " + place, promised.getOrDefault(place, 0), state.promisedEpoch());
                promised.put(place, state.promisedEpoch());
            }
        }
        for (Node node : cluster.nodes) {
            if (slab.getIsrList().contains(node.disk.identity.group().toString()) && !node.isDoubtful) {
                checkMember(node, slab, stream);
            }
        }
    }

    private void checkMember(Node node, Slab slab, long stream) {
        int index = slab.getIndex();
        Node.Life life = node.life();
        DiskGroup store = life == null ? null : life.store();
        if (store == null || store.failure() != null) {
            return;
        }
        StreamState state = store.stream(stream);
        if (state == null) {
            throw new Violation("a copy in sync exists", "slab " + index + " on " + node.name);
        }
        if (state.promisedEpoch() < slab.getOpenedEpoch()) {
            throw new Violation(
                    "5 whoever is in sync has promised the epoch",
                    node.name + " promised " + state.promisedEpoch() + ", slab " + index + " is open in "
                            + slab.getOpenedEpoch());
        }
        long needed = committed.getOrDefault(index, 0L);
        if (state.durableSeq() < needed) {
            throw new Violation(
                    "2 what is committed is on every copy in sync",
                    "slab " + index + " is committed up to " + needed + ", " + node.name + " is in sync and has "
                            + state.durableSeq());
        }
        if (state.appliedSeq() > state.commitSeq()) {
            throw new Violation(
                    "4 only what is committed is destaged",
                    node.name + " applied " + state.appliedSeq() + " of slab " + index + ", committed is "
                            + state.commitSeq());
        }
        String place = place(node, index, state);
        long before = durable.getOrDefault(place, 0L);
        durable.put(place, state.durableSeq());
        if (state.durableSeq() < Math.min(before, needed)) {
            throw new Violation("durable stays durable", place + " had " + before + " and has " + state.durableSeq());
        }
    }

    private static String place(Node node, int index, StreamState state) {
        return node.name + "/" + index + "/" + state.creationId();
    }

    private static @Nullable StreamState state(Node node, long stream) {
        Node.Life life = node.life();
        DiskGroup store = life == null ? null : life.store();
        return store == null || store.failure() != null ? null : store.stream(stream);
    }

    private static void rises(String what, int before, int now) {
        if (now < before) {
            throw new Violation(what + " never falls", "it was " + before + " and is " + now);
        }
    }
}
