package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.netty.util.collection.IntObjectHashMap;
import io.netty.util.collection.IntObjectMap;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.wire.DataPath;
import io.varve.dataplane.wire.ExtentBits;
import io.varve.dataplane.wire.Header;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.MessageType;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.WireRecord;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a {@link RemotePort} has asked over its connection and was not answered yet, by request id; each is answered once, with IO_ERROR if the
 * connection is lost. Bounded by those who ask: each limits what it has under way. Confined to the port's loop.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class RemoteAnswers {
    private static final Logger LOG = LoggerFactory.getLogger(RemoteAnswers.class);

    private final String group;
    private final Crc32c crc = new Crc32c();
    private final WireRecord tailRecord = new WireRecord();
    private final IntObjectHashMap<SlabRead> reads = new IntObjectHashMap<>();
    private final IntObjectHashMap<Object> receivers = new IntObjectHashMap<>();
    private int lastRequestId;

    /** In place of a read that was taken back. */
    private static final SlabRead FORGOTTEN = new SlabRead() {
        @Override
        protected void completed(Outcome outcome) {
            throw new IllegalStateException("a read that was taken back is answered");
        }
    };

    RemoteAnswers(String group) {
        this.group = group;
    }

    /** The id to ask with. */
    int await(SlabRead read) {
        int id = nextRequestId();
        reads.put(id, read);
        return id;
    }

    /** The answer to the read is nobody's any more; that it may come is remembered, so that it is no violation. */
    void forget(SlabRead read) {
        for (IntObjectMap.PrimitiveEntry<SlabRead> each : reads.entries()) {
            if (each.value() == read) {
                each.setValue(FORGOTTEN);
                return;
            }
        }
    }

    /** The same for anything but reads; {@code receiver} is one of those that {@link GroupPort} names. */
    int await(Object receiver) {
        int id = nextRequestId();
        receivers.put(id, receiver);
        return id;
    }

    private int nextRequestId() {
        do {
            lastRequestId++;
        } while (lastRequestId == 0 || reads.containsKey(lastRequestId) || receivers.containsKey(lastRequestId));
        return lastRequestId;
    }

    /** The connection is gone: nothing that was asked will be answered. */
    void lost() {
        List<SlabRead> lostReads = new ArrayList<>(reads.values());
        List<Object> lost = new ArrayList<>(receivers.values());
        reads.clear();
        receivers.clear();
        lostReads.stream().filter(read -> read != FORGOTTEN).forEach(read -> answer(read, Refusal.NEED_SEAL, 0, 0));
        lost.forEach(RemoteAnswers::fail);
    }

    static void answer(SlabRead read, @Nullable Refusal refusal, long highestSeq, int damagedBlock) {
        java.util.Objects.requireNonNull(read.issuer).readAnswered(read, refusal, highestSeq, damagedBlock);
    }

    static void fail(Object receiver) {
        switch (receiver) {
            case GroupPort.TailReceiver tail -> tail.ended(StoreStatus.IO_ERROR);
            case GroupPort.MapReceiver map -> map.told(StoreStatus.IO_ERROR, null);
            case GroupPort.DigestReceiver digest -> digest.told(StoreStatus.IO_ERROR, 0, 0);
            case GroupPort.RepairReceiver status -> status.told(StoreStatus.IO_ERROR);
            case GroupPort.PrepareReceiver prepare -> prepare.told(StoreStatus.IO_ERROR, 0);
            case GroupPort.ExtentsReceiver extents -> extents.told(StoreStatus.IO_ERROR, null);
            case GroupPort.ReclaimReceiver reclaim -> reclaim.told(false);
            default -> throw new IllegalArgumentException("no receiver of answers: " + receiver);
        }
    }

    /** DATA and READ_REFUSED, well-formed. Null, or the violation. */
    @Nullable String readAnswered(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
        SlabRead read = reads.remove(header.requestId);
        if (read == null) {
            return header.type + " that nobody asked for";
        }
        if (read == FORGOTTEN) {
            return null;
        }
        if (payload == null) {
            Refusal refusal = java.util.Objects.requireNonNull(Refusal.of(DataPath.readRefusedCode(meta, at)));
            answer(read, refusal, 0, DataPath.readRefusedBlock(meta, at));
            return null;
        }
        if (DataPath.dataCount(meta, at) != read.count) {
            answer(read, Refusal.CRC, 0, 0);
            return "DATA of " + DataPath.dataCount(meta, at) + " blocks, asked for " + read.count;
        }
        for (int i = 0; i < read.count; i++) {
            int sum = crc.of(payload, i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES);
            if (sum != DataPath.dataCrc(meta, at, i)) {
                LOG.warn("data damaged on the way stream={} block={} group={}", read.stream, read.block + i, group);
                answer(read, Refusal.CRC, 0, 0);
                return null;
            }
        }
        ByteBuf destination = java.util.Objects.requireNonNull(read.destination);
        destination.setBytes(read.destinationIndex, payload, 0, read.count * Geometry.BLOCK_BYTES);
        answer(read, null, DataPath.dataHighestSeq(meta, at), 0);
        return null;
    }

    /** TAIL. Null, or the violation. */
    @Nullable String tail(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
        String malformed = tailRecord.read(meta, at, header.metaLength, header.payloadLength);
        if (malformed == null) {
            malformed = TailRecords.violation(tailRecord, payload != null);
        }
        if (malformed != null) {
            return malformed;
        }
        for (int i = 0; payload != null && i < tailRecord.crcCount; i++) {
            if (crc.of(payload, i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES) != tailRecord.crcs[i]) {
                return "TAIL damaged on the way, seq " + tailRecord.seq;
            }
        }
        if (receivers.get(header.requestId) instanceof GroupPort.TailReceiver receiver) {
            receiver.record(tailRecord, payload, 0);
            return null;
        }
        return "TAIL that nobody asked for";
    }

    /** Any other answer to a request. Null, or the violation. */
    @Nullable String answered(Header header, Message message, @Nullable ByteBuf payload) {
        Object receiver = receivers.get(header.requestId);
        String violation = null;
        switch (message) {
            case Message.TailEnd m
            when receiver instanceof GroupPort.TailReceiver tail -> {
                receivers.remove(header.requestId);
                tail.ended(StatusCode.status(m.status()));
            }
            case Message.Mapped m
            when receiver instanceof GroupPort.MapReceiver map -> {
                receivers.remove(header.requestId);
                violation = mapped(m, payload, map);
            }
            case Message.Digested m
            when receiver instanceof GroupPort.DigestReceiver digest -> {
                receivers.remove(header.requestId);
                digest.told(StatusCode.status(m.status()), m.crc(), m.version());
            }
            case Message.Repaired m
            when receiver instanceof GroupPort.RepairReceiver repair -> {
                receivers.remove(header.requestId);
                repair.told(StatusCode.status(m.status()));
            }
            case Message.Reclaimed m
            when receiver instanceof GroupPort.ReclaimReceiver reclaim -> {
                receivers.remove(header.requestId);
                reclaim.told(true);
            }
            case Message.Prepared m
            when receiver instanceof GroupPort.PrepareReceiver prepare -> {
                receivers.remove(header.requestId);
                prepare.told(StatusCode.status(m.status()), m.cutSeq());
            }
            case Message.NewerExtents m
            when receiver instanceof GroupPort.ExtentsReceiver extents -> {
                receivers.remove(header.requestId);
                violation = extents(header, m.status(), m.extents(), m.crc(), payload, extents);
            }
            case Message.Joined m
            when receiver instanceof GroupPort.ExtentsReceiver extents -> {
                receivers.remove(header.requestId);
                violation = extents(header, m.status(), m.extents(), m.crc(), payload, extents);
            }
            case Message.Finished m
            when receiver instanceof GroupPort.RepairReceiver finish -> {
                receivers.remove(header.requestId);
                finish.told(StatusCode.status(m.status()));
            }
            default -> violation = header.type + " that nobody asked for";
        }
        return violation;
    }

    private @Nullable String mapped(Message.Mapped m, @Nullable ByteBuf payload, GroupPort.MapReceiver receiver) {
        if (m.status() != StatusCode.of(StoreStatus.OK) || payload == null) {
            receiver.told(
                    m.status() == StatusCode.of(StoreStatus.OK) ? StoreStatus.IO_ERROR : StatusCode.status(m.status()),
                    null);
            return null;
        }
        if (crc.of(payload, 0, payload.readableBytes()) != m.crc()) {
            receiver.told(StoreStatus.IO_ERROR, null);
            return "MAPPED damaged on the way";
        }
        byte[] bits = new byte[payload.readableBytes()];
        payload.getBytes(0, bits);
        receiver.told(StoreStatus.OK, BitSet.valueOf(bits));
        return null;
    }

    private @Nullable String extents(
            Header header,
            int code,
            int extents,
            int sum,
            @Nullable ByteBuf payload,
            GroupPort.ExtentsReceiver receiver) {
        StoreStatus status = StatusCode.status(code);
        if (status != StoreStatus.OK) {
            receiver.told(status, null);
            return null;
        }
        BitSet set = extents == 0 ? null : ExtentBits.read(payload, extents, sum, crc);
        receiver.told(set == null ? StoreStatus.IO_ERROR : StoreStatus.OK, set);
        return set == null ? header.type + " damaged on the way" : null;
    }

    /** True for what {@link #answered} takes. */
    static boolean isAnswer(MessageType type) {
        return switch (type) {
            case TAIL_END, MAPPED, DIGESTED, REPAIRED, RECLAIMED, PREPARED, NEWER_EXTENTS, JOINED, FINISHED -> true;
            default -> false;
        };
    }
}
