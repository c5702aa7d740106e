package io.varve.dataplane.agent;

import io.varve.api.Replica;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.dataplane.store.ReplicaStore;
import io.varve.dataplane.store.StoreStatus;
import io.varve.model.Geometry;
import io.varve.model.StreamId;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.List;

/** Makes and forgets replicas on a disk group of this node. Futures complete on the group's loop. */
final class LocalReplicas {
    private LocalReplicas() {}

    /** Empty replicas of these slabs, durable when the future succeeds. What exists already is left as it is. */
    static Future<Void> create(LocalGroup group, Volume volume, List<Slab> slabs) {
        List<Future<Void>> made = new ArrayList<>();
        for (Slab slab : slabs) {
            long stream = StreamId.of(volume.getId(), slab.getIndex());
            Promise<Void> one = Promise.promise();
            made.add(one.future());
            group.loop()
                    .execute(() -> group.store()
                            .create(
                                    stream,
                                    creationId(slab, group.uuid()),
                                    blocks(volume, slab),
                                    status -> settle(one, "create", stream, status)));
        }
        return Future.join(made).mapEmpty();
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
