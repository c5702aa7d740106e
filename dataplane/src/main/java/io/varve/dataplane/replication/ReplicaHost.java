package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.netty.util.collection.LongObjectHashMap;
import io.varve.dataplane.store.Credits;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.ReplicaStore;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.store.StreamState;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.WireRecord;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The replicas of one disk group: does what {@link Replica} and {@link LeaseTable} decide. Confined to the group's loop. Everything that is
 * acknowledged in one turn of the loop is told in one message for each stream.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
public final class ReplicaHost {
    private static final Logger LOG = LoggerFactory.getLogger(ReplicaHost.class);

    private final Loop loop;
    private final ReplicaStore store;
    private final long startedNanos;
    private final ReplicaResync resync;
    private final LeaseTable leases = new LeaseTable();
    private final LongObjectHashMap<Served> served = new LongObjectHashMap<>();

    /** Appends at rest. Grows to what is in flight at most, which credits bound. */
    private final ArrayDeque<Append> pool = new ArrayDeque<>();

    /** The greeted connections that speak to it. */
    private final List<ReplicaSession> sessions = new ArrayList<>();

    private @Nullable Served firstDirty;
    private boolean flushQueued;
    private final Runnable flush = this::flushAcks;

    public ReplicaHost(Loop loop, ReplicaStore store) {
        this.loop = loop;
        this.store = store;
        this.startedNanos = loop.nanos();
        this.resync = new ReplicaResync(loop, this);
        store.onFailure(this::storeFailed);
    }

    ReplicaStore store() {
        return store;
    }

    ReplicaResync resync() {
        return resync;
    }

    public String group() {
        return store.uuid();
    }

    Credits credits() {
        return store.credits();
    }

    /** Null if the stream is not here. */
    @Nullable Replica replica(long stream) {
        Served found = find(stream);
        return found == null ? null : found.replica;
    }

    /** The newest epoch promised for the stream; 0 if none. */
    public int promisedEpoch(long stream) {
        Replica replica = replica(stream);
        return replica == null ? 0 : replica.promisedEpoch();
    }

    void seal(long stream, int epoch, int gen, Message.Seal seal, ReplicaClient client) {
        Served found = find(stream);
        if (found == null) {
            client.sealRefused(stream, epoch, Refusal.NOT_MEMBER, 0);
            return;
        }
        StreamState state = found.replica.state();
        long forgotten = found.replica.forgottenLeaseUntil(epoch, seal.nodeHash(), seal.incarnation());
        Object before = found.replica.boundTo();
        switch (found.replica.seal(epoch, gen, seal.creationId(), seal.nodeHash(), seal.incarnation(), client)) {
            case NOT_MEMBER -> client.sealRefused(stream, epoch, Refusal.NOT_MEMBER, 0);
            case STALE_EPOCH -> client.sealRefused(stream, epoch, Refusal.STALE_EPOCH, found.replica.promisedEpoch());
            case PROMISE -> {
                LOG.info("epoch promised stream={} epoch={} lastSeq={}", stream, epoch, state.lastSeq());
                leases.sealed(stream >>> 16, epoch);
                if (before instanceof ReplicaClient old && old != client) {
                    old.fenced(stream, epoch);
                }
                if (found.pending != null) {
                    found.pending.client.sealRefused(stream, found.pending.epoch, Refusal.STALE_EPOCH, epoch);
                }
                found.pending = new PendingSeal(client, epoch, seal, forgotten);
                writePromise(found, epoch, gen, seal);
            }
            case AGAIN -> {
                leases.sealed(stream >>> 16, epoch);
                if (found.pending != null && found.pending.client != client) {
                    // Which of two connections is the older one, and will end with its question, is not known: the
                    // other
                    // one asks again.
                    found.pending.client.sealRefused(stream, found.pending.epoch, Refusal.NEED_SEAL, epoch);
                }
                found.pending = new PendingSeal(client, epoch, seal, forgotten);
                if (state.promisedEpoch() == epoch) {
                    loop.execute(() -> answerSeal(found));
                } else if (found.promising != epoch) {
                    // There was no room for it the last time.
                    writePromise(found, epoch, gen, seal);
                }
            }
        }
    }

    /**
     * Takes a record; {@link ReplicaClient#acked} follows, or {@link ReplicaClient#refused} at once. {@code payload} is retained until it is
     * durable; its checksums have been checked.
     */
    void replicate(
            long stream,
            int epoch,
            int gen,
            int round,
            WireRecord record,
            @Nullable ByteBuf payload,
            int payloadIndex,
            ReplicaClient client) {
        Served found = find(stream);
        if (found == null) {
            client.refused(stream, epoch, round, Refusal.NOT_MEMBER, 0, record.seq, 0);
            return;
        }
        Replica replica = found.replica;
        Refusal refusal = replica.refusal(client, epoch, gen, record);
        boolean isDuplicate = refusal == null && replica.isDuplicate(record);
        if (refusal != null) {
            client.refused(
                    stream,
                    epoch,
                    round,
                    refusal,
                    replica.promisedEpoch(),
                    record.seq,
                    replica.state().lastSeq());
            return;
        }
        if (isDuplicate) {
            markDirty(found);
            return;
        }
        Append append = pool.isEmpty() ? new Append() : pool.pop();
        append.fill(found, client, epoch, gen, round, record, payload, payloadIndex);
        boolean firstOfEpoch = record.recordEpoch != replica.state().lastEpoch();
        if (record.commitSeq > 0 && replica.takesCommit(client, epoch, record.commitSeq)) {
            store.commit(stream, record.commitSeq);
            append.commitSeq = record.commitSeq;
        }
        store.append(append);
        if (replica.state().lastSeq() == record.seq) {
            replica.appended(record, gen, firstOfEpoch);
        }
    }

    void commit(long stream, int epoch, long commitSeq, ReplicaClient client) {
        Served found = find(stream);
        if (found != null && found.replica.takesCommit(client, epoch, commitSeq)) {
            store.commit(stream, commitSeq);
        }
    }

    /** True if the volume's access point of this epoch may answer reads for {@link LeaseTable#TERM_NANOS} from now on. */
    boolean grantLease(long volume, int epoch, long nodeHash, long incarnation) {
        return leases.grant(volume, epoch, nodeHash, incarnation, loop.nanos());
    }

    void release(long volume, int epoch) {
        leases.release(volume, epoch);
        for (Served each : served.values()) {
            if (each.replica.state().stream() >>> 16 == volume && each.pending != null) {
                answerSeal(each);
            }
        }
    }

    /** The log was cut, durably: a SEAL that came meanwhile can be answered. */
    void logSettled(long stream) {
        Served found = find(stream);
        if (found != null && found.pending != null) {
            answerSeal(found);
        }
    }

    void opened(ReplicaSession session) {
        sessions.add(session);
    }

    /** The group is not served by this any more, and is to be closed: whoever speaks to it from elsewhere connects again. */
    void withdraw(String reason) {
        List.copyOf(sessions).forEach(session -> session.withdraw(reason));
    }

    /** Nothing more is told to this client. */
    void gone(ReplicaClient client) {
        sessions.remove(client);
        for (Served each : served.values()) {
            if (each.pending != null && each.pending.client == client) {
                each.pending = null;
            }
        }
    }

    /** Nothing is served any more: whoever writes or reads here is told, also where nothing is being written now. */
    private void storeFailed() {
        for (Served each : served.values()) {
            if (each.replica.boundTo() instanceof ReplicaClient client) {
                int epoch = each.replica.promisedEpoch();
                client.sealRefused(each.replica.state().stream(), epoch, Refusal.IO_ERROR, epoch);
            }
        }
    }

    private @Nullable Served find(long stream) {
        Served found = served.get(stream);
        StreamState state = store.stream(stream);
        if (state == null) {
            if (found != null) {
                served.remove(stream);
            }
            return null;
        }
        if (found == null || found.replica.state() != state) {
            found = new Served(new Replica(state, startedNanos));
            served.put(stream, found);
        }
        return found;
    }

    private void writePromise(Served found, int epoch, int gen, Message.Seal seal) {
        JournalRecord promise = new JournalRecord() {
            @Override
            protected void appended(StoreStatus status) {
                promised(found, epoch, status);
            }
        };
        promise.stream = found.replica.state().stream();
        promise.op = Op.SEAL;
        promise.epoch = epoch;
        promise.gen = gen;
        promise.aux = seal.nodeHash();
        promise.aux2 = seal.incarnation();
        found.promising = epoch;
        store.append(promise);
    }

    private void promised(Served found, int epoch, StoreStatus status) {
        PendingSeal pending = found.pending;
        if (found.promising == epoch) {
            found.promising = 0;
        }
        if (pending == null || pending.epoch != epoch) {
            return;
        }
        if (status == StoreStatus.OK) {
            answerSeal(found);
            return;
        }
        found.pending = null;
        long stream = found.replica.state().stream();
        if (found.refusedEpoch != epoch) {
            found.refusedEpoch = epoch;
            LOG.error("promise could not be written stream={} epoch={} status={}", stream, epoch, status);
        }
        pending.client.sealRefused(stream, epoch, asRefusal(status), epoch);
    }

    /** Answers a SEAL if the promise and all records before it are durable, and no older access point may answer reads any more. */
    private void answerSeal(Served found) {
        PendingSeal pending = found.pending;
        StreamState state = found.replica.state();
        if (pending == null || state.promisedEpoch() != pending.epoch || state.durableSeq() != state.lastSeq()) {
            return;
        }
        long now = loop.nanos();
        long until = Math.max(
                pending.forgottenUntilNanos,
                leases.waitUntil(
                        state.stream() >>> 16,
                        pending.epoch,
                        pending.seal.nodeHash(),
                        pending.seal.incarnation(),
                        now));
        if (until > now) {
            if (pending.timer == null) {
                pending.client.leaseHeld(
                        state.stream(), pending.epoch, until - now, leases.holderEpoch(state.stream() >>> 16));
            } else {
                pending.timer.cancel();
            }
            pending.timer = loop.schedule(until - now, () -> {
                if (found.pending == pending) {
                    answerSeal(found);
                }
            });
            return;
        }
        found.pending = null;
        found.replica.answeredSeal();
        Credits credits = store.credits();
        pending.client.sealed(
                state.stream(),
                pending.epoch,
                new Message.Sealed(
                        state.lastSeq(),
                        state.lastEpoch(),
                        state.layer(),
                        state.commitSeq(),
                        state.suspectFromSeq(),
                        credits.journalBytes(),
                        credits.pieces()));
    }

    private void markDirty(Served found) {
        if (!found.isDirty) {
            found.isDirty = true;
            found.nextDirty = firstDirty;
            firstDirty = found;
        }
        if (!flushQueued) {
            flushQueued = true;
            loop.execute(flush);
        }
    }

    private void flushAcks() {
        flushQueued = false;
        Served each = firstDirty;
        firstDirty = null;
        while (each != null) {
            Served next = each.nextDirty;
            each.isDirty = false;
            each.nextDirty = null;
            StreamState state = each.replica.state();
            if (each.replica.boundTo() instanceof ReplicaClient client) {
                client.acked(state.stream(), each.replica.promisedEpoch(), state.durableSeq());
            }
            each = next;
        }
    }

    private static final class PendingSeal {
        final ReplicaClient client;
        final int epoch;
        final Message.Seal seal;
        final long forgottenUntilNanos;
        Loop.@Nullable Timer timer;

        PendingSeal(ReplicaClient client, int epoch, Message.Seal seal, long forgottenUntilNanos) {
            this.client = client;
            this.epoch = epoch;
            this.seal = seal;
            this.forgottenUntilNanos = forgottenUntilNanos;
        }
    }

    private static final class Served {
        final Replica replica;

        @Nullable PendingSeal pending;

        /** Epoch of the SEAL record on its way into the journal; 0 if none. */
        int promising;

        /** Epoch that could not be promised and was logged: it is asked for again until there is room. */
        int refusedEpoch;

        boolean isDirty;

        @Nullable Served nextDirty;

        Served(Replica replica) {
            this.replica = replica;
        }
    }

    /** A record on its way into the journal. */
    private final class Append extends JournalRecord {
        private @Nullable Served to;
        private @Nullable ReplicaClient client;
        private int senderEpoch;
        private int round;

        void fill(
                Served target,
                ReplicaClient sender,
                int speakersEpoch,
                int senderGen,
                int senderRound,
                WireRecord record,
                @Nullable ByteBuf bytes,
                int bytesIndex) {
            to = target;
            client = sender;
            senderEpoch = speakersEpoch;
            round = senderRound;
            stream = target.replica.state().stream();
            op = java.util.Objects.requireNonNull(Op.of(record.op));
            epoch = record.recordEpoch;
            gen = senderGen;
            seq = record.seq;
            commitSeq = 0;
            block = record.block;
            count = record.count;
            aux = record.aux;
            aux2 = 0;
            payload = bytes == null ? null : bytes.retain();
            payloadIndex = bytesIndex;
            System.arraycopy(record.crcs, 0, crcs, 0, record.crcCount);
        }

        @Override
        protected void appended(StoreStatus status) {
            Served target = java.util.Objects.requireNonNull(to);
            ReplicaClient sender = java.util.Objects.requireNonNull(client);
            if (payload != null) {
                payload.release();
                payload = null;
            }
            to = null;
            client = null;
            long acked = seq;
            int ackRound = round;
            pool.push(this);
            if (status == StoreStatus.OK) {
                markDirty(target);
            } else {
                sender.refused(
                        target.replica.state().stream(),
                        senderEpoch,
                        ackRound,
                        asRefusal(status),
                        target.replica.promisedEpoch(),
                        acked,
                        target.replica.state().lastSeq());
            }
            if (target.pending != null) {
                answerSeal(target);
            }
        }
    }

    static Refusal asRefusal(StoreStatus status) {
        return switch (status) {
            case NO_SPACE -> Refusal.NO_SPACE;
            case NOT_MEMBER -> Refusal.NOT_MEMBER;
            case BAD_BLOCK -> Refusal.BAD_BLOCK;
            case IO_ERROR, NOT_READY, OK -> Refusal.IO_ERROR;
        };
    }
}
