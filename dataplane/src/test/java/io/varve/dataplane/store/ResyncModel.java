package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.model.Geometry;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.jspecify.annotations.NullUnmarked;

/**
 * Two copies of one stream on disks of their own, and a crude access point: it writes, commits, loses a copy, and lets it come back by the steps of
 * {@code docs/internals/resync.md}, while either crashes now and then. Compares the copies with a plain array. A block's stamp is the seq that wrote it.
 */
@NullUnmarked
final class ResyncModel {
    static final long STREAM = 7L << 16;
    private static final int EXTENT = JournalRecord.MAX_BLOCKS;
    /** Copied at a time. */
    private static final int CHUNK = 64;

    /** Below it the access point commits before it writes on. */
    private static final long LOW_CREDIT_BYTES = 4 * StoreRig.MIB;

    private final Copy[] copies = new Copy[2];
    private final SplittableRandom random;
    private final long seed;
    private final long[] truth;
    private long last;
    private long committed;
    private int epoch = 1;
    long sessions;
    long finished;
    long taken;

    private static final class Copy {
        final StoreRig rig;
        /** Takes every record. */
        boolean isIn = true;

        /** Its session; 0: it is whole, or was when it left. */
        long session;
        /** What it must not forget: the copy answered it. */
        BitSet undone = new BitSet();

        Copy(StoreRig rig) {
            this.rig = rig;
        }

        DiskGroup group() {
            return rig.group();
        }

        boolean isWhole() {
            return isIn && session == 0;
        }
    }

    ResyncModel(long seed, int extents, long diskBytes) {
        this.seed = seed;
        random = new SplittableRandom(seed);
        truth = new long[extents * EXTENT - 40];
        for (int i = 0; i < copies.length; i++) {
            StoreRig rig = new StoreRig(seed + i, diskBytes);
            rig.format();
            rig.open();
            rig.create(STREAM, truth.length);
            copies[i] = new Copy(rig);
        }
    }

    void run(int steps) {
        for (int i = 0; i < steps; i++) {
            step();
        }
        settle();
    }

    private void step() {
        int dice = random.nextInt(1000);
        if (dice < 350) {
            change();
        } else if (dice < 450) {
            commit(random.nextBoolean() ? last : committed + random.nextLong(last - committed + 1));
        } else if (dice < 550) {
            any().rig.scheduler.runFor(random.nextLong(20_000_000));
        } else if (dice < 570) {
            any().rig.scheduler.runFor(random.nextLong(8_000_000_000L));
        } else if (dice < 600) {
            crash(any());
        } else if (dice < 630) {
            leave();
        } else if (dice < 700) {
            comeBack();
        } else if (dice < 980) {
            copySome();
        } else {
            finish();
        }
    }

    private Copy any() {
        return copies[random.nextInt(copies.length)];
    }

    private Copy whole() {
        return copies[0].isWhole() && (random.nextBoolean() || !copies[1].isWhole()) ? copies[0] : copies[1];
    }

    /** The one that is being filled, or null. */
    private Copy learner() {
        for (Copy copy : copies) {
            if (copy.isIn && copy.session != 0) {
                return copy;
            }
        }
        return null;
    }

    // ------------------------------------------------------------------------------------------------ records

    private void change() {
        int kind = random.nextInt(10);
        int count = random.nextInt(4) == 0 ? 1 + random.nextInt(EXTENT) : 1 + random.nextInt(8);
        int block = random.nextInt(truth.length - count);
        long seq = last + 1;
        boolean isData = kind < 7;
        if (isData) {
            count = Math.min(count, EXTENT - block % EXTENT);
        }
        for (Copy copy : copies) {
            if (copy.isIn) {
                append(
                        copy,
                        isData
                                ? StoreRig.write(STREAM, seq, block, count, seq)
                                : new TestRecord(STREAM, kind < 9 ? Op.UNMAP : Op.ZERO, seq, block, count));
            }
        }
        last = seq;
        Arrays.fill(truth, block, block + count, isData ? seq : 0);
    }

    private void append(Copy to, TestRecord record) {
        if (to.group().credits().journalBytes() < LOW_CREDIT_BYTES) {
            committed = last;
            to.rig.commit(STREAM, last);
            to.rig.scheduler.runFor(6_000_000_000L);
        }
        record.epoch = epoch;
        record.commitSeq = random.nextInt(3) == 0 ? committed : 0;
        assertThat(to.rig.append(record)).as("seed %d", seed).isEqualTo(StoreStatus.OK);
    }

    /** What is acknowledged by all that are in may be committed, and is told to some sooner, to others later. */
    private void commit(long seq) {
        committed = Math.max(committed, seq);
        for (Copy copy : copies) {
            if (copy.isIn && random.nextInt(4) > 0) {
                copy.rig.commit(STREAM, committed);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------ failures

    private void crash(Copy copy) {
        copy.rig.crash(random.nextBoolean());
        copy.rig.open();
        recovered(copy);
    }

    private void recovered(Copy copy) {
        StreamState state = copy.group().stream(STREAM);
        assertThat(state.session()).as("seed %d", seed).isEqualTo(copy.session);
        if (copy.isIn) {
            assertThat(state.lastSeq()).as("seed %d", seed).isEqualTo(last);
            assertThat(copy.group().undone(STREAM)).as("seed %d", seed).isEqualTo(copy.undone);
            verify(copy);
        }
    }

    private void leave() {
        Copy leaving = any();
        Copy other = leaving == copies[0] ? copies[1] : copies[0];
        if (!leaving.isIn || !other.isWhole()) {
            return;
        }
        leaving.isIn = false;
        // What only it got never becomes part of the stream: the next epoch begins without it.
        int foreign = random.nextInt(4);
        for (int i = 1; i <= foreign; i++) {
            int extent = random.nextInt(truth.length / EXTENT);
            TestRecord record =
                    StoreRig.write(STREAM, last + i, extent * EXTENT + random.nextInt(200), 3, 1L << 40 | i);
            if (leaving.session != 0 && random.nextBoolean()) {
                record = copied(last + i, extent, leaving.session);
            }
            record.epoch = epoch;
            assertThat(leaving.rig.append(record)).isEqualTo(StoreStatus.OK);
        }
        TestRecord start = new TestRecord(STREAM, Op.EPOCH_START, last + 1, 0, 0);
        start.aux = epoch;
        epoch++;
        append(other, start);
        last++;
    }

    // ------------------------------------------------------------------------------------------------ return

    private void comeBack() {
        for (Copy copy : copies) {
            if (!copy.isIn) {
                join(copy);
                return;
            }
        }
    }

    private void join(Copy copy) {
        Answer prepared = new Answer();
        copy.rig.run(() -> copy.group().prepare(STREAM, (status, cutSeq) -> prepared.done(status, cutSeq, null)));
        if (random.nextInt(6) == 0) {
            copy.rig.scheduler.runFor(random.nextLong(3_000_000));
            crash(copy);
            return;
        }
        copy.rig.await(() -> prepared.status != null);
        assertThat(prepared.status).as("seed %d", seed).isEqualTo(StoreStatus.OK);
        assertThat(prepared.cutSeq).as("seed %d", seed).isLessThanOrEqualTo(committed);
        BitSet before = copy.group().undone(STREAM);
        if (random.nextInt(6) == 0) {
            crash(copy);
        }
        Copy source = whole();
        committed = last;
        source.rig.commit(STREAM, last);
        Answer newer = new Answer();
        source.rig.run(
                () -> source.group().newer(STREAM, prepared.cutSeq, (status, set) -> newer.done(status, 0, set)));
        if (random.nextBoolean()) {
            // A checkpoint goes on meanwhile.
            source.rig.run(() -> source.group().reclaim(() -> {}));
        }
        source.rig.await(() -> newer.status != null);
        assertThat(newer.status).as("seed %d", seed).isEqualTo(StoreStatus.OK);
        long session = ++sessions;
        Answer joined = new Answer();
        copy.rig.run(() -> copy.group()
                .join(STREAM, session, last + 1, epoch, newer.extents, (status, set) -> joined.done(status, 0, set)));
        copy.rig.await(() -> joined.status != null);
        assertThat(joined.status).as("seed %d", seed).isEqualTo(StoreStatus.OK);
        BitSet expected = (BitSet) newer.extents.clone();
        expected.or(before);
        assertThat(joined.extents).as("seed %d", seed).isEqualTo(expected);
        copy.isIn = true;
        copy.session = session;
        copy.undone = joined.extents;
        verify(copy);
    }

    private static final class Answer {
        StoreStatus status;
        long cutSeq;
        BitSet extents;

        void done(StoreStatus how, long cut, BitSet set) {
            assertThat(status).as("answered once").isNull();
            status = how;
            cutSeq = cut;
            extents = set;
        }
    }

    private static TestRecord copied(long seq, int extent, long session) {
        TestRecord record = new TestRecord(STREAM, Op.COPIED, seq, extent * EXTENT, 1);
        record.aux = session;
        return record;
    }

    /** One extent, whole or in part; what was begun may be left and begun again. */
    private void copySome() {
        Copy learner = learner();
        if (learner == null || learner.undone.isEmpty()) {
            return;
        }
        int extent = learner.undone.nextSetBit(random.nextInt(learner.undone.length()));
        int end = Math.min(truth.length, (extent + 1) * EXTENT);
        for (int block = extent * EXTENT; block < end; block += CHUNK) {
            int count = Math.min(CHUNK, end - block);
            long[] data = whole().rig.stamps(STREAM, block, count);
            assertThat(data).isEqualTo(Arrays.copyOfRange(truth, block, block + count));
            long seq = last + 1;
            boolean isZero = Arrays.stream(data).allMatch(stamp -> stamp == 0);
            append(learner, isZero ? new TestRecord(STREAM, Op.UNMAP, seq, block, count) : filled(seq, block, data));
            TestRecord elsewhere = copied(seq, extent, 0);
            elsewhere.block = block;
            elsewhere.count = count;
            append(learner == copies[0] ? copies[1] : copies[0], elsewhere);
            last = seq;
            taken++;
            if (random.nextInt(20) == 0) {
                return;
            }
        }
        for (Copy copy : copies) {
            append(copy, copied(last + 1, extent, learner.session));
        }
        last++;
        learner.undone.clear(extent);
        assertThat(learner.group().undone(STREAM)).as("seed %d", seed).isEqualTo(learner.undone);
    }

    private static TestRecord filled(long seq, int block, long[] stamps) {
        TestRecord record = new TestRecord(STREAM, Op.WRITE, seq, block, stamps.length);
        record.payload = Buffers.aligned(stamps.length * Geometry.BLOCK_BYTES);
        Crc32c crc = new Crc32c();
        for (int i = 0; i < stamps.length; i++) {
            int at = i * Geometry.BLOCK_BYTES;
            if (stamps[i] == 0) {
                record.payload.setZero(at, Geometry.BLOCK_BYTES);
            } else {
                StoreRig.fill(record.payload, at, block + i, stamps[i]);
            }
            record.crcs[i] = crc.of(record.payload, at, Geometry.BLOCK_BYTES);
        }
        return record;
    }

    private void finish() {
        Copy learner = learner();
        if (learner == null) {
            return;
        }
        boolean isDone = learner.undone.isEmpty();
        committed = last;
        Answer answer = new Answer();
        learner.rig.run(
                () -> learner.group().finish(STREAM, learner.session, last, status -> answer.done(status, 0, null)));
        learner.rig.await(() -> answer.status != null);
        assertThat(answer.status).as("seed %d", seed).isEqualTo(isDone ? StoreStatus.OK : StoreStatus.NOT_READY);
        if (isDone) {
            finished++;
            learner.session = 0;
            assertThat(learner.group().stream(STREAM).session()).isZero();
            verify(learner);
        }
    }

    // ------------------------------------------------------------------------------------------------ comparing

    /** Whatever is not missing is as it should be. */
    private void verify(Copy copy) {
        for (int extent = 0; extent * EXTENT < truth.length; extent++) {
            if (!copy.undone.get(extent)) {
                int block = extent * EXTENT;
                int count = Math.min(EXTENT, truth.length - block);
                assertThat(copy.rig.stamps(STREAM, block, count))
                        .as("extent %d, seed %d", extent, seed)
                        .containsExactly(Arrays.copyOfRange(truth, block, block + count));
            }
        }
    }

    /** Everybody becomes whole; then nothing is put aside for anything any more. */
    private void settle() {
        for (Copy copy : copies) {
            // It may die while it prepares, more than once.
            while (!copy.isIn) {
                join(copy);
            }
        }
        for (Copy learner = learner(); learner != null; learner = learner()) {
            while (!learner.undone.isEmpty()) {
                copySome();
            }
            finish();
        }
        for (Copy copy : copies) {
            assertThat(copy.isWhole()).isTrue();
            copy.rig.commit(STREAM, last);
            copy.rig.scheduler.runFor(12_000_000_000L);
            verify(copy);
            assertThat(copy.group().stats().reservedBytes()).as("seed %d", seed).isZero();
            crash(copy);
            assertThat(copy.group().stats().reservedBytes()).as("seed %d", seed).isZero();
            assertThat(copy.group().stats().checksumErrors()).isZero();
        }
        assertThat(copies[0].group().stats().allocatedBytes())
                .as("seed %d", seed)
                .isEqualTo(copies[0].group().allocatedBytes(STREAM));
    }
}
