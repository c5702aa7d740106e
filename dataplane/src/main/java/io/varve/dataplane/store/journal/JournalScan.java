package io.varve.dataplane.store.journal;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.Errno;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds where history ends: reads segment headers, then frames from the replay position on, and tells torn from rotten. Reads only.
 * The rules are in {@code docs/internals/journal.md}, "Recovery". One run per object, on the group's loop.
 */
public final class JournalScan {
    /** Holds any frame together with the head of the one behind it. */
    private static final int WINDOW_BYTES = 4 << 20;

    private static final int LOOK_AHEAD_BYTES = FrameLayout.MAX_FRAME_BYTES + FrameLayout.MAX_HEAD_BYTES;
    /** Enough of a slot to see its header and the head of its first frame. */
    private static final int SLOT_HEAD_BYTES = Geometry.BLOCK_BYTES + FrameLayout.MAX_FRAME_BYTES;

    private final Disk disk;
    private final JournalGeometry geometry;
    private final FrameChecksum checksum;
    private final FrameView frame;
    private final FrameView ahead;
    private final Sink sink;
    private final Consumer<Found> done;
    private final ByteBuf window = Buffers.aligned(WINDOW_BYTES);

    private final List<Segment> segments = new ArrayList<>();
    private final FrameTable frames = new FrameTable();
    private long highestSegmentSeq;
    private int highestIncarnation;
    private long lostFrames;

    private @Nullable Segment current;
    private int offset;
    private long expected;
    private int previousCrc;
    private boolean previousKnown = true;
    /** Where the segment before the current one ended, if the current one was reached over the chain; and records seen in this one. */
    private @Nullable Segment before;

    private long expectedAtEntry = -1;
    private long recordsHere;
    private int windowStart;
    private int windowEnd;
    /** Set while a bad head is being looked behind for frames that prove it was complete: where to look next. */
    private int searchOffset = -1;

    private record Segment(int slot, SegmentHeader header) {
        long seq() {
            return header.segmentSeq();
        }
    }

    /** Sees what was found, in order. */
    public interface Sink {
        /** A frame is part of history; its records follow. */
        void record(ScannedRecord record, long frameSeq, int index, long payloadBlock);

        /** The heads of these frames rotted: what they held is unknown. */
        void lost(long fromFrameSeq, long untilFrameSeq);
    }

    /**
     * Where the journal goes on. {@code error}: null, or why the device could not be read or understood.
     *
     * @param ring segments that are still needed are live in it
     * @param highestIncarnation of any segment seen
     * @param lostFrames how many rotted
     */
    public record Found(
            SegmentRing ring,
            FrameTable frames,
            long nextFrameSeq,
            int lastCrc,
            int highestIncarnation,
            long lostFrames,
            @Nullable String error) {}

    public JournalScan(Disk disk, JournalGeometry geometry, UUID uuid, Sink sink, Consumer<Found> done) {
        this.disk = disk;
        this.geometry = geometry;
        this.sink = sink;
        this.done = done;
        checksum = new FrameChecksum(uuid);
        frame = new FrameView(uuid);
        ahead = new FrameView(uuid);
    }

    public void run(ReplayPosition from) {
        expected = from.frameSeq();
        previousCrc = from.previousCrc();
        highestSegmentSeq = from.segmentSeq();
        frames.startAt(expected);
        readSlot(0, from);
    }

    private void readSlot(int slot, ReplayPosition from) {
        if (slot == geometry.segments()) {
            segments.sort(Comparator.comparingLong(Segment::seq));
            startAt(from);
            return;
        }
        // The first block of each slot; only a slot without a header costs a second, longer read.
        disk.read(geometry.slotOffset(slot), window, 0, Geometry.BLOCK_BYTES, result -> {
            if (result < 0) {
                end("cannot read the journal of " + disk.name() + " at " + geometry.slotOffset(slot) + ": "
                        + Errno.describe(result));
                return;
            }
            SegmentHeader header = SegmentHeader.read(window, 0, checksum);
            if (header != null) {
                keep(slot, header, from);
                readSlot(slot + 1, from);
            } else {
                readFirstFrame(slot, from);
            }
        });
    }

    private void readFirstFrame(int slot, ReplayPosition from) {
        disk.read(geometry.slotOffset(slot), window, 0, SLOT_HEAD_BYTES, result -> {
            if (result < 0) {
                end("cannot read the journal of " + disk.name() + " at " + geometry.slotOffset(slot) + ": "
                        + Errno.describe(result));
                return;
            }
            if (frame.open(window, Geometry.BLOCK_BYTES, SLOT_HEAD_BYTES - Geometry.BLOCK_BYTES)) {
                keep(
                        slot,
                        new SegmentHeader(
                                frame.segmentSeq(), frame.incarnation(), frame.frameSeq(), frame.previousCrc()),
                        from);
            }
            readSlot(slot + 1, from);
        });
    }

    private void keep(int slot, SegmentHeader header, ReplayPosition from) {
        highestSegmentSeq = Math.max(highestSegmentSeq, header.segmentSeq());
        highestIncarnation = Math.max(highestIncarnation, header.incarnation());
        if (header.segmentSeq() >= from.segmentSeq()) {
            segments.add(new Segment(slot, header));
        }
    }

    private void startAt(ReplayPosition from) {
        if (from.slot() >= 0) {
            // Where the index says; its header may have rotted, its frames name the segment too.
            segments.removeIf(segment -> segment.seq() == from.segmentSeq() || segment.slot() == from.slot());
            SegmentHeader header = new SegmentHeader(from.segmentSeq(), 0, from.frameSeq(), from.previousCrc());
            current = new Segment(from.slot(), header);
            segments.addFirst(current);
            offset = from.offset();
        }
        step();
    }

    /** Goes on until the window must be filled again or history ends. */
    private void step() {
        while (true) {
            Segment next = successor();
            if (next != null && next.header.firstFrameSeq() == expected && chains(next.header.previousCrc())) {
                Segment left = current;
                enter(next);
                before = left;
                expectedAtEntry = expected;
                continue;
            }
            Segment here = current;
            if (here == null) {
                finishOrSkip(next);
                return;
            }
            if (geometry.segmentBytes() - offset < Geometry.BLOCK_BYTES) {
                if (!skipTo(next)) {
                    end(null);
                    return;
                }
                continue;
            }
            if (!windowHolds(offset)) {
                fill(here, offset);
                return;
            }
            if (isExpected(here) && (frame.payloadMatches() || isFollowed(here))) {
                take(here);
                continue;
            }
            searchOffset = offset + Geometry.BLOCK_BYTES;
            search();
            return;
        }
    }

    private void finishOrSkip(@Nullable Segment next) {
        if (skipTo(next)) {
            step();
        } else {
            end(null);
        }
    }

    private boolean chains(int crc) {
        return !previousKnown || crc == previousCrc;
    }

    private @Nullable Segment successor() {
        long seq = current == null ? -1 : current.seq();
        for (Segment segment : segments) {
            if (segment.seq() > seq) {
                return segment;
            }
        }
        return null;
    }

    private void enter(Segment next) {
        current = next;
        offset = Geometry.BLOCK_BYTES;
        previousCrc = next.header.previousCrc();
        windowEnd = 0;
        expectedAtEntry = -1;
        recordsHere = 0;
    }

    /** A later segment that starts above what is expected proves that the frames between were complete: they rotted. */
    private boolean skipTo(@Nullable Segment next) {
        if (next == null || next.header.firstFrameSeq() <= expected) {
            return false;
        }
        lose(next.header.firstFrameSeq());
        enter(next);
        return true;
    }

    private void lose(long until) {
        sink.lost(expected, until);
        lostFrames += until - expected;
        expectedAtEntry = -1;
        expected = until;
    }

    private boolean windowHolds(int at) {
        return at >= windowStart
                && windowEnd > at
                && (windowEnd == geometry.segmentBytes() || windowEnd - at >= LOOK_AHEAD_BYTES);
    }

    private void fill(Segment here, int at) {
        int bytes = Math.min(WINDOW_BYTES, geometry.segmentBytes() - at);
        disk.read(geometry.slotOffset(here.slot) + at, window, 0, bytes, result -> {
            if (result < 0) {
                end("cannot read the journal of " + disk.name() + " at " + (geometry.slotOffset(here.slot) + at) + ": "
                        + Errno.describe(result));
                return;
            }
            windowStart = at;
            windowEnd = at + bytes;
            if (searchOffset >= 0) {
                search();
            } else {
                step();
            }
        });
    }

    private boolean isExpected(Segment here) {
        return frame.open(window, offset - windowStart, windowEnd - offset)
                && frame.segmentSeq() == here.seq()
                && frame.frameSeq() == expected
                && chains(frame.previousCrc());
    }

    /** The frame's payload is bad. Something behind it that was written after it proves that it was complete once. */
    private boolean isFollowed(Segment here) {
        Segment next = successor();
        if (next != null && next.header.firstFrameSeq() > expected) {
            return true;
        }
        int behind = offset + frame.bytes();
        return ahead.open(window, behind - windowStart, windowEnd - behind)
                && ahead.segmentSeq() == here.seq()
                && ahead.previousCrc() == frame.crc()
                && ahead.durableFrameSeq() >= expected;
    }

    private void take(Segment here) {
        long at = geometry.slotOffset(here.slot) + offset;
        frames.add(expected, at, frame.bytes(), frame.previousCrc());
        long payloadBlock = (at + frame.headBytes()) / Geometry.BLOCK_BYTES;
        long frameSeq = expected;
        frame.forEach((record, index) -> sink.record(record, frameSeq, index, payloadBlock + record.payloadOffset));
        recordsHere += frame.records();
        previousCrc = frame.crc();
        previousKnown = true;
        offset += frame.bytes();
        expected++;
    }

    /** Looks for a later frame of this segment that certifies the bad one; if there is one it was rot, else the log ends here. */
    private void search() {
        Segment here = current;
        if (here == null) {
            throw new IllegalStateException("searching without a segment");
        }
        while (geometry.segmentBytes() - searchOffset >= Geometry.BLOCK_BYTES) {
            if (!windowHolds(searchOffset)) {
                fill(here, searchOffset);
                return;
            }
            if (frame.open(window, searchOffset - windowStart, windowEnd - searchOffset)
                    && frame.segmentSeq() == here.seq()
                    && frame.frameSeq() > expected
                    && frame.durableFrameSeq() >= expected) {
                lose(frame.frameSeq());
                offset = searchOffset;
                previousKnown = false;
                searchOffset = -1;
                step();
                return;
            }
            searchOffset += Geometry.BLOCK_BYTES;
        }
        searchOffset = -1;
        finishOrSkip(successor());
    }

    /**
     * The last segment holds no record: a start that came to nothing. Its place is used again, and by nobody else, so that a process that crashes
     * again and again does not use up the ring.
     */
    private void dropEmptyLast(SegmentRing ring) {
        Segment last = current;
        if (last != null && expectedAtEntry >= 0 && recordsHere == 0) {
            expected = expectedAtEntry;
            previousCrc = last.header.previousCrc();
            frames.cutBack(expected);
            ring.prefer(last.slot);
            current = before;
        }
    }

    private void end(@Nullable String error) {
        window.release();
        SegmentRing ring = new SegmentRing(geometry, highestSegmentSeq);
        dropEmptyLast(ring);
        Segment last = current;
        if (last != null) {
            for (Segment segment : segments) {
                if (segment.seq() <= last.seq()) {
                    ring.markLive(segment.slot, segment.seq());
                }
            }
        }
        done.accept(new Found(ring, frames, expected, previousCrc, highestIncarnation, lostFrames, error));
    }
}
