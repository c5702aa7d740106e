package io.varve.simulator;

import io.varve.api.Slab;
import io.varve.api.Volume;
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

    private final Cluster cluster;
    private final Map<String, Integer> promised = new HashMap<>();
    private final Map<String, Long> durable = new HashMap<>();
    private final Map<Integer, Long> committed = new HashMap<>();
    private final Map<Integer, Integer> gens = new HashMap<>();
    private final Map<Integer, Integer> inSync = new HashMap<>();
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
    void committed() {
        int enough = cluster.truth()
                .volume(cluster.volume())
                .map(volume ->
                        Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore()))
                .orElse(1);
        for (Slab slab : cluster.slabsNow()) {
            int before = inSync.getOrDefault(slab.getIndex(), 0);
            if (slab.getOpenedEpoch() > 0 && slab.getIsrCount() < Math.min(before, enough)) {
                throw new Violation(
                        "10 enough in sync",
                        "slab " + slab.getIndex() + " had " + before + " and has " + slab.getIsrList());
            }
            inSync.put(slab.getIndex(), slab.getIsrCount());
        }
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
                String place = node.name + "/" + index + "/" + state.creationId();
                rises("5 promise of " + place, promised.getOrDefault(place, 0), state.promisedEpoch());
                promised.put(place, state.promisedEpoch());
            }
        }
        for (Node node : cluster.nodes) {
            if (slab.getIsrList().contains(node.disk.identity.group().toString())) {
                checkMember(node, index, stream);
            }
        }
    }

    private void checkMember(Node node, int index, long stream) {
        Node.Life life = node.life();
        DiskGroup store = life == null ? null : life.store();
        if (store == null || store.failure() != null) {
            return;
        }
        StreamState state = store.stream(stream);
        if (state == null) {
            throw new Violation("a copy in sync exists", "slab " + index + " on " + node.name);
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
        String place = node.name + "/" + index + "/" + state.creationId();
        long before = durable.getOrDefault(place, 0L);
        durable.put(place, state.durableSeq());
        if (state.durableSeq() < Math.min(before, needed)) {
            throw new Violation("durable stays durable", place + " had " + before + " and has " + state.durableSeq());
        }
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
