package io.varve.dataplane.agent;

import io.varve.api.Replica;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.dataplane.store.ReplicaStore;
import io.varve.dataplane.store.StoreStatus;
import io.varve.model.ByteSize;
import io.varve.model.Geometry;
import io.varve.model.Guarantee;
import io.varve.model.StreamId;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.List;

/** Makes and forgets replicas on a disk group of this node. Futures complete on the group's loop. */
final class LocalReplicas {
    private LocalReplicas() {}

    /**
     * What became of replicas that need room.
     *
     * @param done durably
     * @param lacking are as they were, or not there: the room that they are to be guaranteed is not there
     * @param why for people; empty if none is lacking
     */
    record Kept(List<Slab> done, List<Slab> lacking, String why) {}

    /** Empty replicas of these slabs, and the room that they are guaranteed. What exists already is left as it is. */
    static Future<Kept> create(LocalGroup group, Volume volume, List<Slab> slabs) {
        return each(
                group,
                volume,
                slabs,
                "create",
                (stream, slab, guaranteed, told) -> group.store()
                        .create(stream, creationId(slab, group.uuid()), blocks(volume, slab), guaranteed, told));
    }

    /** The room that replicas are guaranteed, no more and no less. */
    static Future<Kept> guarantee(LocalGroup group, Volume volume, List<Slab> slabs) {
        return each(
                group,
                volume,
                slabs,
                "keep room for",
                (stream, slab, guaranteed, told) ->
                        group.store().guarantee(stream, creationId(slab, group.uuid()), guaranteed, told));
    }

    @FunctionalInterface
    private interface Step {
        void on(long stream, Slab slab, int guaranteedBlocks, ReplicaStore.StatusCallback told);
    }

    private static Future<Kept> each(LocalGroup group, Volume volume, List<Slab> slabs, String what, Step step) {
        List<Future<Void>> steps = new ArrayList<>();
        List<Slab> done = new ArrayList<>();
        List<Slab> lacking = new ArrayList<>();
        List<String> why = new ArrayList<>();
        for (Slab slab : slabs) {
            long stream = StreamId.of(volume.getId(), slab.getIndex());
            int guaranteed = (int) (guaranteedBytes(volume, slab) / Geometry.BLOCK_BYTES);
            Promise<Void> one = Promise.promise();
            steps.add(one.future());
            group.loop()
                    .execute(() -> step.on(stream, slab, guaranteed, status -> {
                        if (status == StoreStatus.NO_SPACE && guaranteed > 0) {
                            lacking.add(slab);
                            why.add(lacking(group, slab, guaranteed));
                            one.complete();
                        } else {
                            done.add(slab);
                            settle(one, what, stream, status);
                        }
                    }));
        }
        return Future.join(steps).map(all -> new Kept(done, lacking, why.isEmpty() ? "" : why.getFirst()));
    }

    private static String lacking(LocalGroup group, Slab slab, int guaranteedBlocks) {
        long free = group.store().credits().pieces() * Geometry.PIECE_BYTES;
        return "disk group " + group.name() + " has " + new ByteSize(free).rounded() + " left, and "
                + new ByteSize((long) guaranteedBlocks * Geometry.BLOCK_BYTES).rounded() + " are to be kept for slab "
                + slab.getIndex();
    }

    /** Of that slab, from its begin, what each of its copies is to keep room for, as the truth has it. */
    static long guaranteedBytes(Volume volume, Slab slab) {
        boolean grows = volume.hasGrowth() && !volume.getGrowth().getRefused();
        long bytes = grows ? volume.getGrowth().getSizeBytes() : volume.getSizeBytes();
        // An access point that counts on it does so until it says that it does not.
        return volume.getThick() || volume.getAttachment().getGuaranteed()
                ? Guarantee.ofSlab(bytes, volume.getSlabBytes(), slab.getIndex())
                : 0;
    }

    /** Forgets these replicas: those with the creation ids that the slabs name, or when {@code isAny} whichever are here, since the volume is gone. */
    static Future<Void> delete(LocalGroup group, long volume, List<Slab> slabs, boolean isAny) {
        List<Future<Void>> gone = new ArrayList<>();
        for (Slab slab : slabs) {
            long stream = StreamId.of(volume, slab.getIndex());
            Promise<Void> one = Promise.promise();
            gone.add(one.future());
            long creation = isAny ? ReplicaStore.ANY_CREATION : creationId(slab, group.uuid());
            group.loop()
                    .execute(() ->
                            group.store().delete(stream, creation, status -> settle(one, "delete", stream, status)));
        }
        return Future.join(gone).mapEmpty();
    }

    private static void settle(Promise<Void> promise, String what, long stream, StoreStatus status) {
        if (status == StoreStatus.OK) {
            promise.complete();
        } else {
            promise.fail("cannot " + what + " replica " + StreamId.toString(stream) + ": " + status);
        }
    }

    static long creationId(Slab slab, String group) {
        return slab.getReplicasList().stream()
                .filter(replica -> replica.getGroup().equals(group))
                .mapToLong(Replica::getCreationId)
                .findFirst()
                .orElseThrow();
    }

    /** The last slab may be shorter than the others, if the volume was made so: docs/internals/resize.md. */
    private static int blocks(Volume volume, Slab slab) {
        if (volume.getWholeSlabs()) {
            return (int) (volume.getSlabBytes() / Geometry.BLOCK_BYTES);
        }
        long begin = slab.getIndex() * volume.getSlabBytes();
        long bytes = Math.min(volume.getSlabBytes(), volume.getSizeBytes() - begin);
        return (int) ((bytes + Geometry.BLOCK_BYTES - 1) / Geometry.BLOCK_BYTES);
    }
}
