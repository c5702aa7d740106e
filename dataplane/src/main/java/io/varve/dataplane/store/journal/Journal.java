package io.varve.dataplane.store.journal;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.DiskCallback;
import io.varve.dataplane.disk.Gather;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.util.Arrays;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Group commit: one frame is in flight, the next one fills meanwhile, and each is one gathered durable write. Records complete in the
 * order in which they were queued. Confined to the group's loop; nothing is allocated per record.
 */
public final class Journal {
    /** How long an idle journal leaves its last frame without a later one that proves it was complete. */
    private static final long CERTIFY_AFTER_NANOS = 1_000_000_000L;

    private static final int FIRST_WAITING_CAPACITY = 256;
    /** Credits shrink when less than a tenth of the ring is free (above 90 % fill), so that writers slow down before they have to stop. */
    private static final int SHRINK_BELOW = 10;

    private final Loop loop;
    private final Disk disk;
    private final JournalGeometry geometry;
    private final UUID uuid;
    private final int incarnation;
    private final Listener listener;
    private final FrameChecksum checksum;
    private final SegmentRing ring;
    private final FrameTable frames;
    private final Gather gather = new Gather();
    /** Segment header, then frame head. One is enough: one frame is in flight, and the next is built when it has landed. */
    private final ByteBuf head = Buffers.aligned(Geometry.BLOCK_BYTES + FrameLayout.MAX_HEAD_BYTES);

    private final Runnable startFrame = this::startScheduledFrame;
    private final DiskCallback landed = this::landed;
    private final JournalRecord[] inFlight = new JournalRecord[FrameLayout.MAX_RECORDS];
    private final int[] payloadOffsets = new int[FrameLayout.MAX_RECORDS];

    /** Circular queue of admitted records; bounded by the ring's bytes, each of which takes at least 4 KiB of them. */
    private @Nullable JournalRecord[] waiting = new JournalRecord[FIRST_WAITING_CAPACITY];

    private int waitingFirst;
    private int waitingCount;
    private long admittedBytes;

    private int inFlightCount;
    private boolean flying;
    private boolean startScheduled;
    private boolean failed;
    private boolean certified = true;
    private boolean emptyWanted;
    private Loop.@Nullable Timer certifyTimer;

    private long nextFrameSeq;
    private int lastCrc;
    private long flyingOffset;
    private int flyingBytes;
    private int flyingHeadBytes;
    private int flyingPreviousCrc;
    private long writtenFrames;
    private long writtenBytes;

    /** What the journal tells its owner, on the loop. */
    public interface Listener {
        /**
         * The record's frame is durable. Called for all records of a frame before any {@link #ended}. {@code payloadBlock}: place of its
         * first journalled block on the device, in blocks.
         */
        void durable(JournalRecord record, long frameSeq, int index, long payloadBlock);

        /** The caller may be told: durable, or failed for good. */
        void ended(JournalRecord record, boolean durable);

        /** A frame is down and its records have ended. */
        void frameEnded();

        /** The device refused a frame ({@code errno} negative): the group must fail. Comes before the records' {@link #ended}. */
        void failed(int errno);
    }

    /** Starts where {@code scan} ended; the first frame opens a segment of its own. */
    public Journal(
            Loop loop,
            Disk disk,
            JournalGeometry geometry,
            UUID uuid,
            int incarnation,
            JournalScan.Found found,
            Listener listener) {
        this.loop = loop;
        this.disk = disk;
        this.geometry = geometry;
        this.uuid = uuid;
        this.incarnation = incarnation;
        this.listener = listener;
        checksum = new FrameChecksum(uuid);
        ring = found.ring();
        frames = found.frames();
        nextFrameSeq = found.nextFrameSeq();
        lastCrc = found.lastCrc();
    }

    /** Whoever knows how many bytes, as {@link #cost} counts them, are not known to be committed: they may have to be copied one day. */
    @FunctionalInterface
    public interface Uncommitted {
        long bytes();
    }

    /**
     * Reserves room for a record of data; false: there is none, and nothing happened. Every admitted record must be queued or given up. What is
     * uncommitted counts twice, so that at any time all of it can be copied out of the oldest segments.
     */
    public boolean admit(JournalRecord record, Uncommitted uncommitted) {
        int cost = cost(record);
        long free = ring.usableBytes() - admittedBytes - ring.reservedBytes();
        // In a ring that is half empty no more can be uncommitted than is free: it need not be counted.
        boolean isCalm = free - 2L * cost > ring.capacityBytes() / 2;
        if (!isCalm && 2L * cost > free - uncommitted.bytes()) {
            return false;
        }
        admittedBytes += cost;
        return true;
    }

    /** The same for records without which nothing can be settled, and for copies of tails: they leave one segment to the next start. {@code isStart}: this is that. */
    public boolean admitControl(JournalRecord record, boolean isStart) {
        int cost = cost(record);
        if (cost > (isStart ? ring.usableBytes() : ring.usableButForAStart()) - admittedBytes) {
            return false;
        }
        admittedBytes += cost;
        return true;
    }

    /** An admitted record that will not be queued after all. */
    public void giveUp(JournalRecord record) {
        admittedBytes -= cost(record);
    }

    /** What a record takes at most: in a frame of its own. Counted with its payload even if that goes elsewhere. */
    public static int cost(JournalRecord record) {
        int payload = record.op.hasPayload() ? record.count * Geometry.BLOCK_BYTES : 0;
        return Geometry.BLOCK_BYTES + payload;
    }

    /** Queues an admitted record. */
    public void append(JournalRecord record) {
        if (waitingCount == waiting.length) {
            growWaiting();
        }
        waiting[(waitingFirst + waitingCount) & (waiting.length - 1)] = record;
        waitingCount++;
        scheduleFrame();
    }

    /** Writes a frame soon, an empty one if there is nothing to write. */
    public void appendEmpty() {
        emptyWanted = true;
        scheduleFrame();
    }

    private void growWaiting() {
        JournalRecord[] larger = new JournalRecord[waiting.length * 2];
        for (int i = 0; i < waitingCount; i++) {
            larger[i] = waiting(i);
        }
        waiting = larger;
        waitingFirst = 0;
    }

    private JournalRecord waiting(int i) {
        JournalRecord record = waiting[(waitingFirst + i) & (waiting.length - 1)];
        if (record == null) {
            throw new IllegalStateException("hole in the journal's queue");
        }
        return record;
    }

    private void scheduleFrame() {
        if (!flying && !startScheduled) {
            startScheduled = true;
            loop.execute(startFrame);
        }
    }

    private void startScheduledFrame() {
        startScheduled = false;
        startFrame();
    }

    private void startFrame() {
        if (flying || (waitingCount == 0 && !emptyWanted)) {
            return;
        }
        if (failed) {
            failWaiting();
            return;
        }
        emptyWanted = false;
        boolean newSegment = waitingCount == 0 ? !ring.fits(Geometry.BLOCK_BYTES) : !ring.fits(frameBytes(waiting(0)));
        if (newSegment) {
            ring.openNext();
            SegmentHeader header = new SegmentHeader(ring.activeSeq(), incarnation, nextFrameSeq, lastCrc);
            header.write(head, 0, uuid, checksum);
        }
        takeRecords();
        writeFrame(newSegment);
    }

    private static int frameBytes(JournalRecord record) {
        return FrameLayout.padded(FrameLayout.HEADER_BYTES + FrameLayout.descriptorBytes(record))
                + FrameLayout.payloadBlocks(record) * Geometry.BLOCK_BYTES;
    }

    /** Moves as many waiting records into the frame as its limits and the segment's rest allow, and writes their descriptors. */
    private void takeRecords() {
        int room = Math.min(FrameLayout.MAX_FRAME_BYTES, ring.remaining());
        int at = Geometry.BLOCK_BYTES + FrameLayout.HEADER_BYTES;
        int headBytes = FrameLayout.HEADER_BYTES;
        int blocks = 0;
        while (waitingCount > 0 && inFlightCount < FrameLayout.MAX_RECORDS) {
            JournalRecord record = waiting(0);
            int newHead = headBytes + FrameLayout.descriptorBytes(record);
            int newBlocks = blocks + FrameLayout.payloadBlocks(record);
            if (newHead > FrameLayout.MAX_HEAD_BYTES
                    || newBlocks > FrameLayout.MAX_PAYLOAD_BLOCKS
                    || FrameLayout.padded(newHead) + newBlocks * Geometry.BLOCK_BYTES > room) {
                break;
            }
            at = FrameLayout.writeDescriptor(head, at, record, blocks);
            payloadOffsets[inFlightCount] = blocks;
            inFlight[inFlightCount++] = record;
            waiting[waitingFirst] = null;
            waitingFirst = (waitingFirst + 1) & (waiting.length - 1);
            waitingCount--;
            admittedBytes -= cost(record);
            headBytes = newHead;
            blocks = newBlocks;
        }
        flyingHeadBytes = FrameLayout.padded(headBytes);
        flyingBytes = flyingHeadBytes + blocks * Geometry.BLOCK_BYTES;
        head.setZero(at, Geometry.BLOCK_BYTES + flyingHeadBytes - at);
        writeHeader(headBytes - FrameLayout.HEADER_BYTES, blocks);
    }

    private void writeHeader(int descriptorBytes, int blocks) {
        int at = Geometry.BLOCK_BYTES;
        head.setZero(at, FrameLayout.HEADER_BYTES);
        head.setIntLE(at, FrameLayout.MAGIC);
        head.setShortLE(at + 4, FrameLayout.VERSION);
        head.setByte(at + FrameLayout.AT_RECORDS, inFlightCount);
        head.setLongLE(at + FrameLayout.AT_FRAME_SEQ, nextFrameSeq);
        head.setLongLE(at + FrameLayout.AT_SEGMENT_SEQ, ring.activeSeq());
        head.setIntLE(at + FrameLayout.AT_INCARNATION, incarnation);
        head.setIntLE(at + FrameLayout.AT_PREVIOUS_CRC, lastCrc);
        head.setLongLE(at + FrameLayout.AT_DURABLE, nextFrameSeq - 1);
        head.setIntLE(at + FrameLayout.AT_DESCRIPTOR_BYTES, descriptorBytes);
        head.setIntLE(at + FrameLayout.AT_PAYLOAD_BLOCKS, blocks);
        head.setLongLE(at + FrameLayout.AT_TIME, loop.unixMillis());
        flyingPreviousCrc = lastCrc;
        lastCrc = checksum.of(head, at, flyingHeadBytes, FrameLayout.AT_CRC);
        head.setIntLE(at + FrameLayout.AT_CRC, lastCrc);
    }

    private void writeFrame(boolean newSegment) {
        gather.clear();
        int headIndex = newSegment ? 0 : Geometry.BLOCK_BYTES;
        gather.add(head, headIndex, Geometry.BLOCK_BYTES + flyingHeadBytes - headIndex);
        for (int i = 0; i < inFlightCount; i++) {
            addPayload(inFlight[i]);
        }
        flyingOffset = ring.take(flyingBytes);
        flying = true;
        long at = newSegment ? flyingOffset - Geometry.BLOCK_BYTES : flyingOffset;
        disk.write(at, gather, true, landed);
    }

    private void addPayload(JournalRecord record) {
        ByteBuf payload = record.payload;
        int blocks = FrameLayout.payloadBlocks(record);
        if (blocks == 0 || payload == null) {
            return;
        }
        boolean room = true;
        int before = record.directPieces == 0 ? record.count : FrameLayout.blocksBeforePieces(record.block);
        if (before > 0) {
            room = gather.add(payload, record.payloadIndex, before * Geometry.BLOCK_BYTES);
        }
        if (blocks > before) {
            int skipped = before + record.directPieces * Geometry.BLOCKS_PER_PIECE;
            room &= gather.add(
                    payload,
                    record.payloadIndex + skipped * Geometry.BLOCK_BYTES,
                    (blocks - before) * Geometry.BLOCK_BYTES);
        }
        Invariant.check(room, "a frame has more ranges than one write can take", gather.size());
    }

    private void landed(int result) {
        flying = false;
        if (result < 0 || failed) {
            fail(result);
            return;
        }
        long frameSeq = nextFrameSeq++;
        frames.add(frameSeq, flyingOffset, flyingBytes, flyingPreviousCrc);
        writtenFrames++;
        writtenBytes += flyingBytes;
        certified = inFlightCount == 0;
        long payloadBlock = (flyingOffset + flyingHeadBytes) / Geometry.BLOCK_BYTES;
        for (int i = 0; i < inFlightCount; i++) {
            listener.durable(inFlight[i], frameSeq, i, payloadBlock + payloadOffsets[i]);
        }
        endInFlight(true);
        listener.frameEnded();
        if (waitingCount > 0 || emptyWanted) {
            startFrame();
        } else {
            armCertify();
        }
    }

    private void endInFlight(boolean durable) {
        int count = inFlightCount;
        inFlightCount = 0;
        for (int i = 0; i < count; i++) {
            JournalRecord record = inFlight[i];
            listener.ended(record, durable);
        }
    }

    private void armCertify() {
        if (!certified && certifyTimer == null) {
            certifyTimer = loop.schedule(CERTIFY_AFTER_NANOS, this::certify);
        }
    }

    private void certify() {
        certifyTimer = null;
        if (failed || certified || flying || waitingCount > 0) {
            return;
        }
        if (ring.fits(Geometry.BLOCK_BYTES)) {
            appendEmpty();
        }
    }

    /** Gives up everything: a write that failed may have reached the device in part, so nothing is tried again. */
    public void fail(int errno) {
        if (!failed) {
            failed = true;
            listener.failed(errno);
        }
        if (!flying) {
            endInFlight(false);
            failWaiting();
        }
    }

    private void failWaiting() {
        while (waitingCount > 0) {
            JournalRecord record = waiting(0);
            waiting[waitingFirst] = null;
            waitingFirst = (waitingFirst + 1) & (waiting.length - 1);
            waitingCount--;
            admittedBytes -= cost(record);
            listener.ended(record, false);
        }
    }

    /** True if no record waits or flies. */
    public boolean isIdle() {
        return !flying && waitingCount == 0 && !startScheduled;
    }

    /** The seq of the frame in flight, or of the next one. */
    public long nextFrameSeq() {
        return nextFrameSeq;
    }

    /** True if the frame lies in the oldest segment that is held. */
    public boolean isPinned(long frameSeq) {
        return frames.holds(frameSeq) && ring.seqOf(frames.deviceOffset(frameSeq)) == ring.oldestSeq();
    }

    public FrameTable frames() {
        return frames;
    }

    /** The position from which replay would have to start if {@code frameSeq} were the first frame needed. */
    public ReplayPosition position(long frameSeq) {
        if (frames.holds(frameSeq)) {
            long offset = frames.deviceOffset(frameSeq);
            int slot = geometry.slotOf(offset);
            int within = (int) (offset - geometry.slotOffset(slot));
            return new ReplayPosition(slot, ring.seqOf(offset), within, frameSeq, frames.previousCrc(frameSeq));
        }
        Invariant.check(frameSeq == nextFrameSeq, "no such frame", frameSeq, nextFrameSeq);
        int crc = flying ? flyingPreviousCrc : lastCrc;
        if (flying) {
            int slot = geometry.slotOf(flyingOffset);
            return new ReplayPosition(
                    slot, ring.activeSeq(), (int) (flyingOffset - geometry.slotOffset(slot)), nextFrameSeq, crc);
        }
        return new ReplayPosition(ring.activeSlot(), ring.activeSeq(), ring.activeOffset(), nextFrameSeq, crc);
    }

    /** The index commit that names {@code position} is durable: everything before it may be overwritten. */
    public void release(ReplayPosition position) {
        ring.releaseBefore(position.segmentSeq());
        long oldest = ring.oldestSeq();
        long seq = frames.firstFrameSeq();
        while (seq < position.frameSeq() && (!frames.holds(seq) || ring.seqOf(frames.deviceOffset(seq)) < oldest)) {
            seq++;
        }
        frames.releaseBefore(seq);
    }

    /** True if there is no more than a copy of all that is uncommitted takes, and the segment that is left to the next start. */
    public boolean isShortForStart(Uncommitted uncommitted) {
        return ring.freeBytes() - uncommitted.bytes() <= ring.freeBytes() / Math.max(1, ring.freeSegments());
    }

    /** What may still be asked for, see {@code Credits}: half of what is free, because each byte may have to be copied. */
    public long creditBytes(Uncommitted uncommitted) {
        long room = ring.usableBytes() - admittedBytes - ring.reservedBytes();
        long used = ring.capacityBytes() - room;
        boolean isCalm = used < ring.capacityBytes() / 4;
        long free = Math.max(0, room - (isCalm ? used : uncommitted.bytes())) / 2;
        long tenth = ring.capacityBytes() / 2 / SHRINK_BELOW;
        return free >= tenth ? free : (long) ((double) free * free / tenth);
    }

    public long capacityBytes() {
        return ring.capacityBytes();
    }

    public long usedBytes() {
        return Math.max(0, ring.capacityBytes() + ring.reservedBytes() - ring.usableBytes() + admittedBytes);
    }

    public int freeSegments() {
        return ring.freeSegments();
    }

    public int segments() {
        return ring.segments();
    }

    public long writtenFrames() {
        return writtenFrames;
    }

    public long writtenBytes() {
        return writtenBytes;
    }

    /** Nothing is written by itself any more. Before the disk is closed. */
    public void stop() {
        certified = true;
        emptyWanted = false;
        if (certifyTimer != null) {
            certifyTimer.cancel();
        }
    }

    /** Frees memory. Nothing may be in flight. */
    public void close() {
        Invariant.check(!flying, "a journal is closed while a frame is in flight", nextFrameSeq);
        Arrays.fill(inFlight, null);
        head.release();
    }
}
