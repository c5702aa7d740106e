package io.varve.dataplane.replication;

import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.time.Loop;
import java.util.BitSet;

/**
 * The replica's side of the return of a copy (docs/internals/resync.md): whether whoever asks may, then the store. What came too late is refused with
 * NOT_MEMBER: only the session that sealed the stream in the promised epoch is heard. A step that a newer epoch overtakes ends all the same; what it leaves
 * is true in every epoch. Confined to the disk group's loop; no answer comes inside the call that asked.
 */
final class ReplicaResync {
    private final Loop loop;
    private final ReplicaHost host;

    ReplicaResync(Loop loop, ReplicaHost host) {
        this.loop = loop;
        this.host = host;
    }

    private boolean mayAsk(long stream, int epoch, ReplicaClient client) {
        Replica replica = host.replica(stream);
        return replica != null
                && replica.readRefusal(client, epoch, 0) == null
                && replica.state().promisedEpoch() == epoch;
    }

    void prepare(long stream, int epoch, ReplicaClient client, GroupPort.PrepareReceiver receiver) {
        if (mayAsk(stream, epoch, client)) {
            host.store().prepare(stream, (status, cutSeq) -> {
                host.logSettled(stream);
                receiver.told(status, cutSeq);
            });
        } else {
            loop.execute(() -> receiver.told(StoreStatus.NOT_MEMBER, 0));
        }
    }

    void newer(long stream, int epoch, long seq, ReplicaClient client, GroupPort.ExtentsReceiver receiver) {
        if (mayAsk(stream, epoch, client)) {
            host.store().newer(stream, seq, receiver::told);
        } else {
            loop.execute(() -> receiver.told(StoreStatus.NOT_MEMBER, null));
        }
    }

    void join(
            long stream,
            int epoch,
            long session,
            long joinSeq,
            BitSet newer,
            ReplicaClient client,
            GroupPort.ExtentsReceiver receiver) {
        if (!mayAsk(stream, epoch, client)) {
            loop.execute(() -> receiver.told(StoreStatus.NOT_MEMBER, null));
            return;
        }
        host.store().join(stream, session, joinSeq, epoch, newer, (status, todo) -> {
            Replica replica = host.replica(stream);
            if (status == StoreStatus.OK && replica != null) {
                replica.joined();
            }
            receiver.told(status, todo);
        });
    }

    void finish(
            long stream,
            int epoch,
            long session,
            long commitSeq,
            ReplicaClient client,
            GroupPort.RepairReceiver receiver) {
        Replica replica = host.replica(stream);
        if (replica == null || !mayAsk(stream, epoch, client)) {
            loop.execute(() -> receiver.told(StoreStatus.NOT_MEMBER));
        } else if (!replica.takesCommit(client, epoch, commitSeq)) {
            loop.execute(() -> receiver.told(StoreStatus.NOT_READY));
        } else {
            host.store().finish(stream, session, commitSeq, receiver::told);
        }
    }
}
