package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.netty.util.collection.LongObjectHashMap;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.WireRecord;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One disk group as the access points of one loop speak to it: in process if the group is on the same loop ({@link LocalPort}), over a
 * connection else ({@link RemotePort}). Shared by all volumes of the loop. Confined to the loop.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
abstract class GroupPort {
    private final String group;
    private final LongObjectHashMap<PortListener> listeners = new LongObjectHashMap<>();

    /** Room as the group told last. */
    private long journalCredit;

    private long pieceCredit;

    /** What was numbered for it and not acknowledged: it may or may not be in the credits told. */
    private long outstandingBytes;

    private long outstandingPieces;

    /** Who waits for the answer that is under way, and who asked since: theirs must begin later. */
    private List<ReclaimReceiver> reclaiming = List.of();

    private List<ReclaimReceiver> reclaimNext = new ArrayList<>();

    GroupPort(String group) {
        this.group = group;
    }

    final String group() {
        return group;
    }

    /** From now on the volume's access points are told what concerns them; {@link PortListener#portUp} follows if it is up. */
    void join(long volume, PortListener listener) {
        listeners.put(volume, listener);
    }

    void leave(long volume, PortListener listener) {
        if (listeners.get(volume) == listener) {
            listeners.remove(volume);
        }
    }

    final @Nullable PortListener listener(long stream) {
        return listeners.get(stream >>> 16);
    }

    final LongObjectHashMap<PortListener> listeners() {
        return listeners;
    }

    /** The replica, if it is on this loop. */
    abstract @Nullable Replica localReplica(long stream);

    abstract boolean isLocal();

    abstract boolean isUp();

    /** False while too much waits to be sent to it. */
    abstract boolean isWritable();

    /** For people; empty if all is well. */
    abstract String trouble();

    abstract void seal(long stream, int epoch, int gen, Message.Seal seal);

    abstract void replicate(
            long stream,
            int epoch,
            int gen,
            int round,
            WireRecord record,
            @Nullable ByteBuf payload,
            int payloadIndex,
            long commitSeq);

    abstract void commit(long stream, int epoch, long commitSeq);

    /** {@link PortListener#readAnswered} of its issuer follows, once, also when the group is lost. */
    abstract void read(SlabRead read);

    /**
     * The read that is with this group is taken back: nobody is told how it ends. True if its destination may be written to at any time from now on: the
     * port has retained it, and lets go of it then.
     */
    abstract boolean abandon(SlabRead read);

    abstract void fetchTail(long stream, int epoch, long fromSeq, long toSeq, TailReceiver receiver);

    /** Which pieces of the slab take space there; null with a status that is not OK. A lost group answers IO_ERROR. */
    abstract void map(long stream, int epoch, MapReceiver receiver);

    abstract void digest(long stream, int epoch, int extent, DigestReceiver receiver);

    /** {@code data}: one block, copied or sent before this returns. A lost group answers IO_ERROR. */
    abstract void repair(
            long stream,
            int epoch,
            int block,
            ByteBuf data,
            int dataIndex,
            int crc,
            long version,
            RepairReceiver receiver);

    /** Cuts a copy outside of the in-sync set to what it knows to be committed (docs/internals/resync.md). Told the seq that it has everything up to. */
    abstract void prepare(long stream, int epoch, PrepareReceiver receiver);

    /** Extents that a record above {@code seq} touched, or may have. */
    abstract void newer(long stream, int epoch, long seq, ExtentsReceiver receiver);

    /** The copy goes on at {@code joinSeq}, and misses {@code newer}; told what it misses in all. */
    abstract void join(long stream, int epoch, long session, long joinSeq, BitSet newer, ExtentsReceiver receiver);

    /** Nothing is missing any more: made durable once everything up to {@code commitSeq} is applied. */
    abstract void finish(long stream, int epoch, long session, long commitSeq, RepairReceiver receiver);

    /** Asks for credits and leases now, not at the next beat. */
    abstract void probe();

    /** Asks the group to give back what only waits for a checkpoint; the answer, with new credits, comes after one that begins later. */
    final void reclaim(ReclaimReceiver receiver) {
        reclaimNext.add(receiver);
        if (reclaiming.isEmpty()) {
            sendReclaim();
        }
    }

    private void sendReclaim() {
        reclaiming = reclaimNext;
        reclaimNext = new ArrayList<>();
        askReclaim();
    }

    /** {@link #reclaimed} follows; not inside this call. */
    abstract void askReclaim();

    /** {@code answered} false: the group was lost meanwhile. */
    final void reclaimed(boolean answered) {
        List<ReclaimReceiver> told = reclaiming;
        reclaiming = List.of();
        if (!reclaimNext.isEmpty()) {
            sendReclaim();
        }
        told.forEach(receiver -> receiver.told(answered));
    }

    /** The volume's access point answers no more reads. */
    abstract void release(long volume, int epoch);

    final void told(long newJournalCredit, long newPieceCredit) {
        journalCredit = newJournalCredit;
        pieceCredit = newPieceCredit;
    }

    final void taken(long bytes, long pieces) {
        outstandingBytes += bytes;
        outstandingPieces += pieces;
    }

    final void givenBack(long bytes, long pieces) {
        outstandingBytes -= bytes;
        outstandingPieces -= pieces;
    }

    /** Journal bytes that can be taken for certain. */
    final long freeJournalBytes() {
        return journalCredit - outstandingBytes;
    }

    final long freePieces() {
        return pieceCredit - outstandingPieces;
    }

    /** Takes the records of a tail, in order. */
    interface TailReceiver {
        /** {@code record} and {@code payload} are valid during the call. */
        void record(WireRecord record, @Nullable ByteBuf payload, int payloadIndex);

        void ended(StoreStatus status);
    }

    @FunctionalInterface
    interface MapReceiver {
        void told(StoreStatus status, @Nullable BitSet pieces);
    }

    /** How a repair ended; never inside the call that asked for it. */
    @FunctionalInterface
    interface RepairReceiver {
        void told(StoreStatus status);
    }

    /** A lost group answers IO_ERROR. Never inside the call that asked. */
    @FunctionalInterface
    interface PrepareReceiver {
        void told(StoreStatus status, long cutSeq);
    }

    /** {@code extents}: null with a status that is not OK; a lost group answers IO_ERROR. Never inside the call that asked. */
    @FunctionalInterface
    interface ExtentsReceiver {
        void told(StoreStatus status, @Nullable BitSet extents);
    }

    /** {@code answered} false: the group was lost; ask again when it is back. */
    @FunctionalInterface
    interface ReclaimReceiver {
        void told(boolean answered);
    }

    @FunctionalInterface
    interface DigestReceiver {
        void told(StoreStatus status, int crc, long version);
    }
}
