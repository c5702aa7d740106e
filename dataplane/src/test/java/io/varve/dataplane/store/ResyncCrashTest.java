package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.CrashChoices;
import io.varve.dataplane.disk.DiskTrace;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.store.index.MemoryIndex;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/**
 * Cuts the power after every single step of the return of a copy, from its uncommitted tail to behind its end, and looks whether it is where it
 * said it was: before the join, in the session with just what is not done missing, or whole.
 */
@NullUnmarked
final class ResyncCrashTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());
    private static final int EXTENT = JournalRecord.MAX_BLOCKS;
    private static final int BLOCKS = 4 * EXTENT;
    private static final long SESSION = -9;
    private static final long JOIN_SEQ = 100;
    private static final int MOST_IMAGES = 4;

    /** By last seq, what stands in the stream. Above the join: in what is not missing. */
    private final TreeMap<Long, long[]> contents = new TreeMap<>();

    /** By seq, the extent that is done with it. */
    private final TreeMap<Long, Integer> done = new TreeMap<>();

    private DiskTrace trace;
    private StoreRig rig;
    private boolean isAnswered;

    /** How far it had come for certain. */
    private enum Stage {
        LEFT,
        PREPARED,
        JOINED,
        FINISHED
    }

    private static StoreRig rig(long seed) {
        return new StoreRig(seed, 48 * StoreRig.MIB);
    }

    private void append(TestRecord record, long stamp) {
        record.epoch = record.seq < JOIN_SEQ ? 1 : 5;
        long[] next = contents.floorEntry(record.seq - 1).getValue().clone();
        if (record.op != Op.COPIED) {
            Arrays.fill(next, record.block, record.block + record.count, stamp);
        } else if (record.aux == SESSION) {
            done.put(record.seq, record.block / EXTENT);
        }
        contents.put(record.seq, next);
        assertThat(rig.append(record)).isEqualTo(StoreStatus.OK);
        trace.note(record.seq);
    }

    private void write(long seq, int block, int count) {
        append(StoreRig.write(STREAM, seq, block, count, seq), seq);
    }

    private void copied(long seq, int extent) {
        TestRecord record = new TestRecord(STREAM, Op.COPIED, seq, extent * EXTENT, EXTENT);
        record.aux = SESSION;
        append(record, 0);
    }

    private void answered(Stage stage) {
        rig.await(() -> isAnswered);
        isAnswered = false;
        trace.note(stage);
    }

    private void record() {
        System.out.println("ResyncCrashTest -Dvarve.seed=" + SEED);
        rig = rig(SEED);
        rig.format();
        rig.open();
        rig.create(STREAM, BLOCKS);
        rig.close();
        rig.noted = new NotedIndex(rig.index, index -> trace.note(index));
        rig.openDisks();
        trace = rig.disks.getFirst().record();
        trace.note(rig.index.copy());
        trace.note(Stage.LEFT);
        rig.openWithDisks();
        contents.put(0L, new long[BLOCKS]);

        write(1, 0, 20);
        write(2, EXTENT, 2);
        rig.commit(STREAM, 2);
        write(3, EXTENT + 1, 3);
        write(4, 16, 16);
        rig.run(() -> rig.group().prepare(STREAM, (status, cutSeq) -> {
            assertThat(cutSeq).isEqualTo(2);
            isAnswered = true;
        }));
        answered(Stage.PREPARED);

        // Elsewhere extents 0 and 2 changed meanwhile: here they are missing.
        contents.put(JOIN_SEQ - 1, contents.get(2L));
        BitSet newer = new BitSet();
        newer.set(0);
        newer.set(2);
        rig.run(() -> rig.group().join(STREAM, SESSION, JOIN_SEQ, 5, newer, (status, todo) -> {
            assertThat(status).isEqualTo(StoreStatus.OK);
            isAnswered = true;
        }));
        answered(Stage.JOINED);
        write(100, EXTENT + 4, 1);
        write(101, 0, 18);
        append(new TestRecord(STREAM, Op.UNMAP, 102, 18, EXTENT - 18), 0);
        copied(103, 0);
        rig.commit(STREAM, 102);
        rig.scheduler.runFor(6_000_000_000L);
        write(104, 2 * EXTENT, 4);
        rig.commit(STREAM, 104);
        rig.scheduler.runFor(6_000_000_000L);
        append(new TestRecord(STREAM, Op.UNMAP, 105, 2 * EXTENT + 4, EXTENT - 4), 0);
        copied(106, 2);
        rig.run(() -> rig.group().finish(STREAM, SESSION, 106, status -> {
            assertThat(status).isEqualTo(StoreStatus.OK);
            isAnswered = true;
        }));
        answered(Stage.FINISHED);
        write(107, 2 * EXTENT + 2, 4);
    }

    @Test
    void isWhereItSaidAtAnyPointOfAReturn() {
        record();
        long tried = 0;
        for (DiskTrace.Cut cut : trace.cuts()) {
            MemoryIndex index = null;
            Stage stage = null;
            long acknowledged = 0;
            for (Object note : cut.notes()) {
                switch (note) {
                    case MemoryIndex committed -> index = committed;
                    case Stage reached -> stage = reached;
                    default -> acknowledged = (Long) note;
                }
            }
            if (stage == null) {
                continue;
            }
            CrashChoices choices = cut.choices();
            for (SimulatedMedium image : choices.images(MOST_IMAGES, SEED + cut.steps())) {
                String where = "step " + cut.steps() + ", seed " + SEED;
                StoreRig again = rig(SEED + ++tried);
                again.media.set(0, image);
                again.index = index.copy();
                again.open();
                long last = verify(again, stage, acknowledged, where);
                again.restart();
                assertThat(verify(again, stage, last, "again: " + where)).isEqualTo(last);
            }
        }
        System.out.println(tried + " crashes tried");
        assertThat(tried).isGreaterThan(100);
    }

    private long verify(StoreRig again, Stage stage, long acknowledged, String where) {
        StreamState state = again.group().stream(STREAM);
        BitSet undone = again.group().undone(STREAM);
        long last = state.lastSeq();
        boolean isJoined = last >= JOIN_SEQ - 1;
        if (!isJoined) {
            assertThat(stage).as(where).isLessThan(Stage.JOINED);
            // The tail goes before it is said to have gone.
            assertThat(last).as(where).isBetween(Math.min(2, acknowledged), stage == Stage.LEFT ? 4L : 2L);
            assertThat(state.session()).as(where).isZero();
        } else {
            assertThat(last).as(where).isGreaterThanOrEqualTo(acknowledged);
            assertThat(state.lastEpoch()).as(where).isEqualTo(5);
            assertThat(state.commitSeq()).as(where).isGreaterThanOrEqualTo(JOIN_SEQ - 1);
        }
        BitSet expected = new BitSet();
        if (state.session() != 0) {
            assertThat(state.session()).as(where).isEqualTo(SESSION);
            assertThat(stage).as(where).isLessThan(Stage.FINISHED);
            expected.set(0);
            expected.set(2);
            done.headMap(last, true).values().forEach(expected::clear);
        } else if (isJoined) {
            assertThat(state.appliedSeq()).as(where).isGreaterThanOrEqualTo(106);
        }
        assertThat(undone).as(where).isEqualTo(expected);
        long[] content = contents.floorEntry(last).getValue();
        for (int extent = 0; extent < BLOCKS / EXTENT; extent++) {
            if (!undone.get(extent)) {
                assertThat(again.stamps(STREAM, extent * EXTENT, EXTENT))
                        .as("extent %d, %s", extent, where)
                        .containsExactly(Arrays.copyOfRange(content, extent * EXTENT, (extent + 1) * EXTENT));
            }
        }
        assertThat(again.group().stats().checksumErrors()).as(where).isZero();
        return last;
    }
}
