package io.varve.dataplane.store;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.store.journal.JournalScan;
import io.varve.dataplane.store.journal.ScannedRecord;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Rebuilds streams and overlay from what the journal scan finds. A record that leaves a hole behind it is set aside: a later TRUNCATE explains
 * it, or the frames between have rotted and the stream is cut before the hole. Runs once, on the loop, before the group serves.
 */
final class Recovery implements JournalScan.Sink {
    private final GroupState group;
    private final JournalFollower follower;
    /** By stream number: highest seq that was passed over because records before it are missing. */
    private final Map<Integer, Long> holes = new HashMap<>();

    private boolean lost;

    Recovery(GroupState group) {
        this.group = group;
        follower = new JournalFollower(group, true);
    }

    @Override
    public void record(ScannedRecord record, long frameSeq, int index, long payloadBlock) {
        StreamLog stream = group.stream(record.stream);
        if (stream == null || frameSeq < stream.bornFrameSeq()) {
            return;
        }
        StreamState state = stream.state;
        if (!record.op.isSequenced()) {
            // What was cut may have been written anew and applied since: then the cut ends there.
            long remains = Math.max(record.seq, state.appliedSeq);
            if (record.op == Op.TRUNCATE && remains < state.lastSeq) {
                state.lastEpoch = stream.epochOf(remains);
                state.lastSeq = remains;
            }
            if (record.op == Op.TRUNCATE) {
                holes.remove(stream.slot);
            }
            follower.follow(stream, record, frameSeq, payloadBlock);
        } else if (record.seq <= state.appliedSeq) {
            state.commitSeq = Math.max(state.commitSeq, record.commitSeq);
            state.durableCommitSeq = state.commitSeq;
        } else if (record.seq > state.lastSeq + 1) {
            holes.merge(stream.slot, record.seq, Math::max);
        } else {
            sequenced(stream, record, frameSeq, payloadBlock);
        }
    }

    private void sequenced(StreamLog stream, ScannedRecord record, long frameSeq, long payloadBlock) {
        StreamState state = stream.state;
        if (record.seq <= state.lastSeq) {
            // The copy of a record that is still there itself. A copy that comes first is all that is left of it.
            Invariant.check(record.copy, "a record stands twice in the log", record.stream, record.seq);
            return;
        }
        state.lastSeq = record.seq;
        state.lastEpoch = record.epoch;
        state.durableSeq = record.seq;
        follower.follow(stream, record, frameSeq, payloadBlock);
        Long hole = holes.get(stream.slot);
        if (hole != null && state.lastSeq >= hole) {
            holes.remove(stream.slot);
        }
    }

    @Override
    public void lost(long fromFrameSeq, long untilFrameSeq) {
        lost = true;
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null) {
                stream.state.suspectFromSeq = Math.min(stream.state.suspectFromSeq, stream.state.lastSeq + 1);
            }
        }
    }

    /** Streams whose log must be cut by a TRUNCATE record before anybody is answered. Also settles units and reservations. */
    List<StreamLog> finish() {
        List<StreamLog> cut = new ArrayList<>();
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream == null) {
                continue;
            }
            if (holes.containsKey(slot)) {
                Invariant.check(
                        lost,
                        "a stream has a hole although no frame was lost",
                        stream.state.stream(),
                        stream.state.lastSeq);
                stream.state.suspectFromSeq = stream.state.lastSeq + 1;
                cut.add(stream);
            } else if (stream.state.lastSeq >= stream.state.suspectFromSeq) {
                // Later records follow without a hole: nothing of this stream was in the frames that are lost.
                stream.state.suspectFromSeq = Long.MAX_VALUE;
            }
        }
        group.directUnits.forgetLoose();
        group.overlay.forEachJournalled((slot, block) -> group.space.reserveAnyway(group.streamAt(slot), block, 1));
        group.overlay.forEachUnit((slot, block, location) -> {
            GroupDevice device = group.devices.get(Overlay.locationDevice(location));
            device.allocator().markBusy(device.unitOf(Overlay.locationBlock(location)));
            group.space.cover(group.streamAt(slot), block / Geometry.BLOCKS_PER_PIECE);
        });
        return cut;
    }
}
