package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.journal.FrameLayout;
import io.varve.dataplane.store.journal.FrameView;
import io.varve.dataplane.store.journal.Journal;
import io.varve.dataplane.store.journal.ScannedRecord;
import io.varve.model.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * Reads one stream's records back from the journal, frame by frame, for a replica that misses them or for a copy of the tail. Works on its
 * own buffers, one frame at a time. One object per run; confined to the group's loop.
 */
final class TailReader {
    private final GroupState group;
    private final Journal journal;
    private final StreamLog stream;
    private final TailRead request;
    private final Crc32c crc = new Crc32c();
    private final FrameView view;
    private ByteBuf frame = Buffers.aligned(Geometry.BLOCK_BYTES);
    private @Nullable ByteBuf assembled;
    private long next;

    TailReader(GroupState group, Journal journal, StreamLog stream, TailRead request) {
        this.group = group;
        this.journal = journal;
        this.stream = stream;
        this.request = request;
        view = new FrameView(group.devices.getFirst().superblock().journalUuid());
    }

    void start() {
        next = request.fromSeq;
        group.loop.execute(this::readNext);
    }

    private void readNext() {
        if (!group.isServing()) {
            end(StoreStatus.IO_ERROR);
            return;
        }
        if (next > request.toSeq) {
            end(StoreStatus.OK);
            return;
        }
        if (!stream.log.holds(next) || !journal.frames().holds(stream.log.frameOf(next))) {
            end(StoreStatus.NOT_MEMBER);
            return;
        }
        long frameSeq = stream.log.frameOf(next);
        int bytes = journal.frames().bytes(frameSeq);
        if (frame.capacity() < bytes) {
            frame.release();
            frame = Buffers.aligned(bytes);
        }
        long offset = journal.frames().deviceOffset(frameSeq);
        group.devices.getFirst().disk().read(offset, frame, 0, bytes, result -> arrived(frameSeq, bytes, result));
    }

    private void arrived(long frameSeq, int bytes, int result) {
        if (!journal.frames().holds(frameSeq)) {
            // A checkpoint made room while the frame was being read.
            end(StoreStatus.NOT_MEMBER);
            return;
        }
        if (result < 0 || !view.open(frame, 0, bytes) || view.frameSeq() != frameSeq) {
            group.checksumErrors++;
            end(StoreStatus.BAD_BLOCK);
            return;
        }
        Delivery delivery = new Delivery(frameSeq);
        view.forEach(delivery::record);
        if (delivery.ended != null) {
            end(delivery.ended);
        } else if (!delivery.found) {
            end(StoreStatus.BAD_BLOCK);
        } else if (delivery.direct != null) {
            readDirect(delivery.direct);
        } else {
            readNext();
        }
    }

    /** One frame's records on their way to the receiver. */
    private final class Delivery {
        private final long frameSeq;
        private @Nullable StoreStatus ended;
        private @Nullable ScannedRecord direct;
        private boolean found;

        Delivery(long frameSeq) {
            this.frameSeq = frameSeq;
        }

        void record(ScannedRecord record, int index) {
            if (ended != null
                    || direct != null
                    || record.stream != stream.state.stream()
                    || !record.op.isSequenced()
                    || record.seq != next
                    || next > request.toSeq
                    || !stream.log.holds(next)
                    || stream.log.frameOf(next) != frameSeq) {
                return;
            }
            found = true;
            if (record.directPieces > 0) {
                direct = record.copyOf();
            } else {
                ended = deliver(record);
            }
        }
    }

    private @Nullable StoreStatus deliver(ScannedRecord record) {
        record.payload = record.op.hasPayload() ? frame : null;
        record.payloadIndex = view.payloadIndex() + record.payloadOffset * Geometry.BLOCK_BYTES;
        if (record.payload != null && !matches(record)) {
            group.checksumErrors++;
            return StoreStatus.BAD_BLOCK;
        }
        next++;
        boolean more = request.record(record);
        record.payload = null;
        return more ? null : StoreStatus.OK;
    }

    private boolean matches(ScannedRecord record) {
        ByteBuf payload = record.payload;
        for (int i = 0; payload != null && i < record.count; i++) {
            if (crc.of(payload, record.payloadIndex + i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES)
                    != record.crcs[i]) {
                return false;
            }
        }
        return true;
    }

    /** Puts the payload of a direct write together: edges from the frame, pieces from their units; then goes on with the next record. */
    private void readDirect(ScannedRecord record) {
        ByteBuf whole = assembled;
        if (whole == null) {
            whole = Buffers.aligned(JournalRecord.MAX_BLOCKS * Geometry.BLOCK_BYTES);
            assembled = whole;
        }
        int before = FrameLayout.blocksBeforePieces(record.block) * Geometry.BLOCK_BYTES;
        int direct = record.directPieces * Geometry.PIECE_BYTES;
        int behind = record.count * Geometry.BLOCK_BYTES - before - direct;
        int from = view.payloadIndex() + record.payloadOffset * Geometry.BLOCK_BYTES;
        whole.setBytes(0, frame, from, before);
        whole.setBytes(before + direct, frame, from + before, behind);
        readPiece(record, whole, before, 0);
    }

    private void readPiece(ScannedRecord record, ByteBuf whole, int before, int piece) {
        if (piece == record.directPieces) {
            record.payload = whole;
            record.payloadIndex = 0;
            deliverAssembled(record);
            return;
        }
        GroupDevice device = group.devices.get((int) (record.directUnits[piece] >>> 32));
        long offset = device.deviceBlock((int) record.directUnits[piece], 0) * Geometry.BLOCK_BYTES;
        int to = before + piece * Geometry.PIECE_BYTES;
        // A failed read leaves bytes that do not match.
        device.disk()
                .read(offset, whole, to, Geometry.PIECE_BYTES, result -> readPiece(record, whole, before, piece + 1));
    }

    private void deliverAssembled(ScannedRecord record) {
        if (record.seq <= stream.state.appliedSeq) {
            // A checkpoint has taken the units over meanwhile: their content may have moved on.
            end(StoreStatus.NOT_MEMBER);
            return;
        }
        if (!matches(record)) {
            group.checksumErrors++;
            end(StoreStatus.BAD_BLOCK);
            return;
        }
        next++;
        if (request.record(record)) {
            readNext();
        } else {
            end(StoreStatus.OK);
        }
    }

    private void end(StoreStatus status) {
        frame.release();
        if (assembled != null) {
            assembled.release();
            assembled = null;
        }
        request.ended(status);
    }
}
