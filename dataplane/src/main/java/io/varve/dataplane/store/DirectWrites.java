package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.disk.DiskCallback;
import io.varve.dataplane.store.journal.FrameLayout;
import io.varve.dataplane.store.journal.Journal;
import io.varve.model.Geometry;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Large writes on flash: whole pieces go straight to fresh units, durably, and only then does the record that names them enter the journal, so
 * that a durable frame never names data that is not (decision 0020). Records of the same stream wait behind; other streams do not.
 * Confined to the group's loop; operations are pooled.
 */
final class DirectWrites {
    /** From one whole piece on: below it a unit would not be filled by one record. */
    private static final int FEWEST_PIECES = 1;

    private final GroupState group;
    private final Journal journal;
    private final Journal.Listener listener;
    private final ArrayDeque<Transfer> pool = new ArrayDeque<>();
    private int held;

    /** One run of pieces under way. */
    private final class Transfer implements DiskCallback {
        private @Nullable StreamLog stream;
        private @Nullable JournalRecord record;

        @Override
        public void done(int result) {
            StreamLog of = stream;
            JournalRecord written = record;
            stream = null;
            record = null;
            pool.addLast(this);
            if (of != null && written != null) {
                landed(of, written, result);
            }
        }
    }

    DirectWrites(GroupState group, Journal journal, Journal.Listener listener) {
        this.group = group;
        this.journal = journal;
        this.listener = listener;
    }

    /** Takes an admitted record of a stream to the journal, by way of its units if it took some. */
    void append(StreamLog stream, JournalRecord record) {
        if (record.directPieces > 0) {
            hold(stream, record);
            write(stream, record);
        } else if (stream.held.isEmpty()) {
            journal.append(record);
        } else {
            hold(stream, record);
        }
    }

    private boolean wanted(JournalRecord record) {
        if (!group.options.directWrites() || record.op != Op.WRITE) {
            return false;
        }
        int pieces = FrameLayout.wholePieces(record.block, record.count);
        return pieces >= FEWEST_PIECES && group.space.hasRoomForDirect(pieces);
    }

    private void hold(StreamLog stream, JournalRecord record) {
        stream.held.add(record);
        held++;
    }

    /** Gives the whole pieces of a record that is being admitted units of their own, if it is large and there is room. */
    void takeUnits(JournalRecord record) {
        int pieces = wanted(record) ? FrameLayout.wholePieces(record.block, record.count) : 0;
        int device = pieces == 0 ? -1 : group.space.chooseFlash();
        if (device < 0 || group.devices.get(device).allocator().free() < pieces) {
            return;
        }
        for (int i = 0; i < pieces; i++) {
            int unit = group.devices.get(device).allocator().allocate();
            record.directUnits[i] = (long) device << 32 | unit;
        }
        record.directPieces = pieces;
        group.space.tookDirect(pieces);
    }

    /** The record is not admitted after all; nothing was written to its units. */
    void giveBack(JournalRecord record) {
        for (int i = 0; i < record.directPieces; i++) {
            long unit = record.directUnits[i];
            group.devices.get((int) (unit >>> 32)).allocator().reuse((int) unit);
        }
        record.directPieces = 0;
    }

    /** Neighbouring units are written together: usually all of them. */
    private void write(StreamLog stream, JournalRecord record) {
        ByteBuf payload = record.payload;
        if (payload == null) {
            throw new IllegalStateException("a write has no payload");
        }
        int from = record.payloadIndex + FrameLayout.blocksBeforePieces(record.block) * Geometry.BLOCK_BYTES;
        int first = 0;
        record.directOutstanding = 1;
        while (first < record.directPieces) {
            int end = first + 1;
            while (end < record.directPieces && record.directUnits[end] == record.directUnits[end - 1] + 1) {
                end++;
            }
            Transfer transfer = pool.pollLast();
            if (transfer == null) {
                transfer = new Transfer();
            }
            transfer.stream = stream;
            transfer.record = record;
            record.directOutstanding++;
            GroupDevice device = group.devices.get((int) (record.directUnits[first] >>> 32));
            long at = device.deviceBlock((int) record.directUnits[first], 0) * Geometry.BLOCK_BYTES;
            int index = from + first * Geometry.PIECE_BYTES;
            device.disk().write(at, payload, index, (end - first) * Geometry.PIECE_BYTES, true, transfer);
            first = end;
        }
        record.directOutstanding--;
    }

    private void landed(StreamLog stream, JournalRecord record, int result) {
        record.directOutstanding--;
        if (result < 0) {
            journal.fail(result);
        }
        if (group.failure != null) {
            failHeld(stream);
        } else if (record.directOutstanding == 0) {
            release(stream);
        }
    }

    private void release(StreamLog stream) {
        JournalRecord first = stream.held.peekFirst();
        while (first != null && first.directOutstanding == 0) {
            stream.held.removeFirst();
            held--;
            journal.append(first);
            first = stream.held.peekFirst();
        }
    }

    /** Ends what waits here, but nothing whose memory the device still reads. */
    void failHeld(StreamLog stream) {
        int count = stream.held.size();
        for (int i = 0; i < count; i++) {
            JournalRecord record = stream.held.removeFirst();
            if (record.directOutstanding > 0) {
                stream.held.addLast(record);
            } else {
                held--;
                listener.ended(record, false);
            }
        }
    }

    boolean isIdle() {
        return held == 0;
    }
}
