package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static io.varve.dataplane.store.StoreRig.write;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.DiskFaults;
import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** The return of a copy on simulated disks: prepare, join, COPIED, finish, and what each leaves behind after a crash. */
@NullUnmarked
final class ResyncTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());
    private static final int EXTENT = JournalRecord.MAX_BLOCKS;
    private static final long SESSION = 77;

    private final StoreRig rig = StoreRig.opened(SEED);

    ResyncTest() {
        System.out.println("ResyncTest -Dvarve.seed=" + SEED);
    }

    private static final class Answer {
        StoreStatus status;
        long cutSeq;
        BitSet extents;

        void done(StoreStatus how, BitSet set) {
            assertThat(status).as("answered once").isNull();
            status = how;
            extents = set;
        }
    }

    private Answer prepare() {
        Answer answer = new Answer();
        rig.run(() -> rig.group().prepare(STREAM, (status, cutSeq) -> {
            answer.done(status, null);
            answer.cutSeq = cutSeq;
        }));
        rig.await(() -> answer.status != null);
        return answer;
    }

    private Answer newer(long seq) {
        Answer answer = new Answer();
        rig.run(() -> rig.group().newer(STREAM, seq, answer::done));
        rig.await(() -> answer.status != null);
        return answer;
    }

    private Answer join(long session, long joinSeq, int epoch, BitSet newer) {
        Answer answer = new Answer();
        rig.run(() -> rig.group().join(STREAM, session, joinSeq, epoch, newer, answer::done));
        rig.await(() -> answer.status != null);
        return answer;
    }

    private StoreStatus finish(long session, long commitSeq) {
        Answer answer = new Answer();
        rig.run(() -> rig.group().finish(STREAM, session, commitSeq, status -> answer.done(status, null)));
        rig.await(() -> answer.status != null);
        return answer.status;
    }

    private static BitSet extents(int... extents) {
        BitSet set = new BitSet();
        for (int extent : extents) {
            set.set(extent);
        }
        return set;
    }

    /** {@code session} 0: a copy somewhere else. */
    private static TestRecord copied(long seq, int extent, long session) {
        TestRecord record = new TestRecord(STREAM, Op.COPIED, seq, extent * EXTENT, EXTENT);
        record.aux = session;
        record.epoch = 5;
        return record;
    }

    private static TestRecord write5(long seq, int block, int count) {
        TestRecord record = write(STREAM, seq, block, count, seq);
        record.epoch = 5;
        return record;
    }

    private StreamState state() {
        return rig.group().stream(STREAM);
    }

    @Test
    void cutsToWhatIsCommittedAndAppliesThat() {
        rig.append(write(STREAM, 1, 0, 4, 1));
        rig.append(write(STREAM, 2, 0, 2, 2));
        rig.append(write(STREAM, 3, 1, 4, 3));
        rig.commit(STREAM, 2);

        Answer prepared = prepare();

        assertThat(prepared.status).isEqualTo(StoreStatus.OK);
        assertThat(prepared.cutSeq).isEqualTo(2);
        for (int round = 0; round < 2; round++) {
            assertThat(state().lastSeq()).isEqualTo(2);
            assertThat(state().appliedSeq()).isEqualTo(2);
            assertThat(state().durableSeq()).isEqualTo(2);
            assertThat(rig.stamps(STREAM, 0, 6)).containsExactly(2, 2, 1, 1, 0, 0);
            rig.restart();
        }
    }

    @Test
    void becomesWholeByNumberedRecords() {
        rig.append(write(STREAM, 1, 0, 4, 1));
        rig.commit(STREAM, 1);
        assertThat(prepare().cutSeq).isEqualTo(1);
        StreamState before = state();

        Answer joined = join(SESSION, 100, 5, extents(0, 3));

        assertThat(joined.status).isEqualTo(StoreStatus.OK);
        assertThat(joined.extents).isEqualTo(extents(0, 3));
        assertThat(state()).isSameAs(before);
        assertThat(state().session()).isEqualTo(SESSION);
        assertThat(state().lastSeq()).isEqualTo(99);
        assertThat(state().lastEpoch()).isEqualTo(5);
        assertThat(rig.append(write5(100, 2, 1))).isEqualTo(StoreStatus.OK);
        assertThat(rig.append(write5(101, 3 * EXTENT, 8))).isEqualTo(StoreStatus.OK);
        assertThat(rig.append(copied(102, 3, SESSION))).isEqualTo(StoreStatus.OK);
        assertThat(rig.group().undone(STREAM)).isEqualTo(extents(0));
        assertThat(finish(SESSION, 102)).as("extent 0 is not done").isEqualTo(StoreStatus.NOT_READY);
        assertThat(rig.append(copied(103, 0, SESSION))).isEqualTo(StoreStatus.OK);
        assertThat(finish(SESSION + 1, 103)).isEqualTo(StoreStatus.NOT_MEMBER);
        assertThat(finish(SESSION, 102)).as("the last one is not committed").isEqualTo(StoreStatus.NOT_READY);

        assertThat(finish(SESSION, 103)).isEqualTo(StoreStatus.OK);

        for (int round = 0; round < 2; round++) {
            assertThat(state().session()).isZero();
            assertThat(rig.group().undone(STREAM)).isEqualTo(extents());
            assertThat(state().appliedSeq()).isGreaterThanOrEqualTo(103);
            assertThat(rig.stamps(STREAM, 0, 5)).containsExactly(1, 1, 100, 1, 0);
            assertThat(rig.stamps(STREAM, 3 * EXTENT + 7, 2)).containsExactly(101, 0);
            rig.restart();
        }
        assertThat(rig.index.get(Table.SYNC, StreamRow.key(STREAM))).isNull();
    }

    @Test
    void goesOnAfterACrashAtEveryStep() {
        rig.append(write(STREAM, 1, 0, 4, 1));
        rig.append(write(STREAM, 2, 8, 4, 2));
        rig.commit(STREAM, 1);
        prepare();
        rig.restart();
        assertThat(state().lastSeq()).isEqualTo(1);
        join(SESSION, 100, 5, extents(0, 1));
        rig.restart();
        assertThat(state().lastSeq()).isEqualTo(99);
        assertThat(state().lastEpoch()).isEqualTo(5);
        assertThat(state().commitSeq()).isEqualTo(99);
        assertThat(state().session()).isEqualTo(SESSION);
        assertThat(rig.group().undone(STREAM)).isEqualTo(extents(0, 1));
        assertThat(rig.stamps(STREAM, 0, 10)).containsExactly(1, 1, 1, 1, 0, 0, 0, 0, 0, 0);
        rig.append(write5(100, EXTENT, 1));
        rig.append(copied(101, 1, SESSION));
        rig.restart();
        assertThat(state().lastSeq()).isEqualTo(101);
        assertThat(rig.group().undone(STREAM)).as("found again by replay").isEqualTo(extents(0));
        assertThat(rig.stamp(STREAM, EXTENT)).isEqualTo(100);
        rig.append(copied(102, 0, SESSION));
        assertThat(finish(SESSION, 102)).isEqualTo(StoreStatus.OK);
        rig.restart();
        assertThat(state().session()).isZero();
        assertThat(state().lastSeq()).isEqualTo(102);
    }

    @Test
    void takesBackWhatIsDoneWhenItsRecordIsCut() {
        rig.append(write(STREAM, 1, 0, 4, 1));
        rig.commit(STREAM, 1);
        prepare();
        join(SESSION, 100, 5, extents(0, 1, 2));
        rig.append(copied(100, 0, SESSION));
        rig.append(copied(101, 1, SESSION));
        rig.commit(STREAM, 100);
        assertThat(rig.group().undone(STREAM)).isEqualTo(extents(2));
        rig.scheduler.runFor(6_000_000_000L);
        assertThat(state().appliedSeq()).isEqualTo(100);

        assertThat(prepare().cutSeq).isEqualTo(100);

        for (int round = 0; round < 2; round++) {
            assertThat(rig.group().undone(STREAM)).isEqualTo(extents(1, 2));
            rig.restart();
        }
        Answer again = join(SESSION + 1, 200, 6, extents(5));
        assertThat(again.extents).isEqualTo(extents(1, 2, 5));
        rig.append(copied(200, 1, SESSION));
        assertThat(rig.group().undone(STREAM)).as("of another session").isEqualTo(extents(1, 2, 5));
        rig.restart();
        assertThat(state().session()).isEqualTo(SESSION + 1);
        assertThat(rig.group().undone(STREAM)).isEqualTo(extents(1, 2, 5));
    }

    @Test
    void refusesToJoinWhatIsNotPrepared() {
        rig.append(write(STREAM, 1, 0, 4, 1));
        assertThat(join(SESSION, 100, 5, extents()).status).isEqualTo(StoreStatus.NOT_READY);
        rig.commit(STREAM, 1);
        prepare();
        assertThat(join(SESSION, 1, 5, extents()).status).as("below the log").isEqualTo(StoreStatus.NOT_READY);
        assertThat(join(0, 100, 5, extents()).status).isEqualTo(StoreStatus.NOT_READY);
        assertThat(join(SESSION, 100, 5, extents(256)).status)
                .as("beyond the slab")
                .isEqualTo(StoreStatus.NOT_READY);
        assertThat(state().lastSeq()).isEqualTo(1);
        assertThat(rig.append(write(STREAM, 2, 0, 1, 2))).isEqualTo(StoreStatus.OK);
    }

    @Test
    void listsWhatIsNewerFromBeforeTheCheckpointToBehindIt() {
        rig.append(write(STREAM, 1, 0, 1, 1));
        rig.append(write(STREAM, 2, EXTENT, 1, 2));
        rig.append(copied(3, 4, 0));
        rig.append(new TestRecord(STREAM, Op.UNMAP, 4, 6 * EXTENT, EXTENT));
        for (int round = 0; round < 2; round++) {
            assertThat(newer(0).extents).isEqualTo(extents(0, 1, 4, 6));
            assertThat(newer(1).extents.get(0, 7).stream().boxed().toList()).contains(1, 4, 6);
            rig.commit(STREAM, 4);
            rig.scheduler.runFor(6_000_000_000L);
        }
        assertThat(state().appliedSeq()).isEqualTo(4);
        for (int round = 0; round < 2; round++) {
            assertThat(newer(0).extents).isEqualTo(extents(0, 1, 4, 6));
            assertThat(newer(1).extents).isEqualTo(extents(1, 4, 6));
            assertThat(newer(2).extents).isEqualTo(extents(4, 6));
            assertThat(newer(3).extents).isEqualTo(extents(6));
            assertThat(newer(4).extents).isEqualTo(extents());
            rig.restart();
        }
    }

    /** While the worker commits, an extent that only COPIED speaks of is neither in the index nor in the overlay. */
    @Test
    void listsWhatIsNewerAtEveryMomentOfACheckpoint() {
        for (int extent = 0; extent < 40; extent++) {
            rig.append(write(STREAM, 2 * extent + 1, extent * EXTENT, 1, 1));
            rig.append(copied(2 * extent + 2, 100 + extent, 0));
        }
        rig.commit(STREAM, 80);
        BitSet all = new BitSet();
        all.set(0, 40);
        all.set(100, 140);
        int[] asked = new int[1];
        boolean[] over = new boolean[1];
        rig.run(() -> rig.group().reclaim(() -> over[0] = true));
        while (!over[0]) {
            assertThat(rig.scheduler.step()).isTrue();
            boolean[] told = new boolean[1];
            rig.run(() -> rig.group().newer(STREAM, 0, (status, set) -> {
                assertThat(set).as("question %d", asked[0]).isEqualTo(all);
                told[0] = true;
                asked[0]++;
            }));
            if (asked[0] % 3 == 0) {
                rig.await(() -> told[0]);
            }
        }
        assertThat(asked[0]).isGreaterThan(20);
        assertThat(state().appliedSeq()).isEqualTo(80);
        rig.restart();
        assertThat(newer(0).extents).isEqualTo(all);
    }

    @Test
    void raisesTheVersionOfAnExtentThatWasCopiedElsewhere() {
        rig.append(write(STREAM, 1, 0, 1, 1));
        rig.append(copied(2, 0, 0));
        rig.append(copied(3, 9, SESSION));
        for (int round = 0; round < 3; round++) {
            long[] versions = new long[2];
            boolean[] told = new boolean[2];
            for (int i = 0; i < 2; i++) {
                int at = i;
                rig.run(() -> rig.group().digest(STREAM, at * 9, (status, crc, version) -> {
                    versions[at] = version;
                    told[at] = true;
                }));
                rig.await(() -> told[at]);
            }
            assertThat(versions).containsExactly(2, 3);
            assertThat(rig.stamp(STREAM, 0)).isEqualTo(1);
            assertThat(state().session()).as("nobody fills this copy").isZero();
            if (round == 0) {
                rig.commit(STREAM, 3);
                rig.scheduler.runFor(6_000_000_000L);
                assertThat(state().appliedSeq()).isEqualTo(3);
            } else {
                rig.restart();
            }
        }
    }

    @Test
    void givesBackTheRoomOfATailThatIsCut() {
        rig.append(write(STREAM, 1, 0, EXTENT, 1));
        rig.append(write(STREAM, 2, EXTENT, 20, 2));
        rig.commit(STREAM, 2);
        rig.scheduler.runFor(6_000_000_000L);
        long pieces = rig.group().credits().pieces();
        for (int i = 0; i < 5; i++) {
            rig.append(write(STREAM, 3 + i, (5 + i) * EXTENT, i % 2 == 0 ? EXTENT : 20, 3));
        }
        assertThat(rig.group().credits().pieces()).isLessThan(pieces);

        assertThat(prepare().cutSeq).isEqualTo(2);

        assertThat(rig.group().stats().reservedBytes()).isZero();
        join(SESSION, 100, 5, extents(0, 7));
        rig.run(() -> rig.group().reclaim(() -> {}));
        rig.scheduler.runFor(1_000_000_000L);
        for (int round = 0; round < 2; round++) {
            assertThat(rig.group().credits().pieces()).isEqualTo(pieces);
            assertThat(rig.group().stats().reservedBytes()).isZero();
            BitSet[] allocated = new BitSet[1];
            rig.run(() -> rig.group().allocatedPieces(STREAM, set -> allocated[0] = set));
            rig.await(() -> allocated[0] != null);
            assertThat(allocated[0].cardinality()).isEqualTo(18);
            rig.restart();
        }
        // Zeros that are copied give back what stood there.
        TestRecord unmap = new TestRecord(STREAM, Op.UNMAP, 100, 0, EXTENT);
        unmap.epoch = 5;
        rig.append(unmap);
        rig.commit(STREAM, 100);
        rig.scheduler.runFor(6_000_000_000L);
        assertThat(rig.group().credits().pieces()).isEqualTo(pieces + 16);
    }

    @Test
    void takesNoRecordWhileTheLogIsAboutToGoOnElsewhere() {
        rig.append(write(STREAM, 1, 0, 1, 1));
        rig.commit(STREAM, 1);
        Answer prepared = new Answer();
        TestRecord late = write(STREAM, 2, 0, 1, 2);
        TestRecord seal = new TestRecord(STREAM, Op.SEAL, 0, 0, 0);
        seal.epoch = 6;
        rig.run(() -> {
            rig.group().prepare(STREAM, (status, cutSeq) -> prepared.done(status, null));
            rig.group().append(late);
            rig.group().append(seal);
        });
        rig.await(() -> prepared.status != null && late.status != null && seal.status != null);
        assertThat(prepared.status).isEqualTo(StoreStatus.OK);
        assertThat(late.status).isEqualTo(StoreStatus.NO_SPACE);
        assertThat(seal.status).isEqualTo(StoreStatus.OK);
        Answer joined = new Answer();
        TestRecord promise = new TestRecord(STREAM, Op.SEAL, 0, 0, 0);
        promise.epoch = 7;
        rig.run(() -> {
            rig.group().join(STREAM, SESSION, 50, 5, extents(3), joined::done);
            rig.group().append(promise);
        });
        rig.await(() -> joined.status != null && promise.status != null);
        assertThat(joined.status).isEqualTo(StoreStatus.OK);
        rig.restart();
        assertThat(state().promisedEpoch()).isEqualTo(7);
        assertThat(state().lastSeq()).isEqualTo(49);
    }

    @Test
    void keepsAPromiseThatIsMadeWhileTheIndexIsWritten() {
        long other = STREAM + 1;
        rig.create(other, 1024);
        for (int delay = 0; delay < 60; delay++) {
            prepare();
            TestRecord seal = new TestRecord(STREAM, Op.SEAL, 0, 0, 0);
            seal.epoch = 10 + delay;
            long joinSeq = 100L * (delay + 1);
            Answer joined = new Answer();
            rig.run(() -> rig.group().append(seal));
            for (int i = 0; i < delay % 20; i++) {
                rig.scheduler.step();
            }
            rig.run(() -> rig.group().join(STREAM, SESSION, joinSeq, 5, extents(3), joined::done));
            rig.await(() -> joined.status != null && seal.status != null);
            rig.append(write(other, delay + 1, 0, 1, 1));
            rig.commit(other, delay + 1);
            rig.scheduler.runFor(6_000_000_000L);
            rig.restart();
            assertThat(state().promisedEpoch()).as("delay %d", delay).isEqualTo(10 + delay);
            assertThat(state().lastSeq()).isEqualTo(joinSeq - 1);
        }
    }

    @Test
    void forgetsWhatIsMissingWithTheReplica() {
        prepare();
        join(SESSION, 100, 5, extents(0, 1, 2));
        StoreStatus[] status = new StoreStatus[1];
        rig.run(() -> rig.group().delete(STREAM, ReplicaStore.ANY_CREATION, done -> status[0] = done));
        rig.await(() -> status[0] != null);
        assertThat(rig.index.get(Table.SYNC, StreamRow.key(STREAM))).isNull();
        assertThat(prepare().status).isEqualTo(StoreStatus.NOT_MEMBER);
        assertThat(newer(0).status).isEqualTo(StoreStatus.NOT_MEMBER);
        assertThat(join(SESSION, 200, 5, extents()).status).isEqualTo(StoreStatus.NOT_MEMBER);
        assertThat(finish(SESSION, 99)).isEqualTo(StoreStatus.NOT_MEMBER);
        rig.create(STREAM, 65_536);
        rig.restart();
        assertThat(state().session()).isZero();
        assertThat(rig.group().undone(STREAM)).isEqualTo(extents());
        assertThat(state().lastSeq()).isZero();
    }

    @Test
    void doesNotOpenWhatANewerVersionWrote() {
        prepare();
        join(SESSION, 100, 5, extents(0));
        rig.close();
        byte[] row = rig.index.get(Table.SYNC, StreamRow.key(STREAM)).clone();
        assertThat(row).hasSize(24 + 32);
        assertThat(SyncRow.decode(row)).isNotNull();
        row[0] = 2;
        IndexBatch batch = new IndexBatch();
        batch.put(Table.SYNC, StreamRow.key(STREAM), row);
        rig.index.commit(batch);
        assertThat(((OpenResult.Refused) rig.tryOpen()).message()).contains("newer version");
    }

    @Test
    void answersEverybodyWhenTheGroupFails() {
        rig.append(write(STREAM, 1, 0, 1, 1));
        rig.disks.getFirst().faults().fail(DiskFaults.Target.WRITE, 5);
        Answer prepared = new Answer();
        TestRecord late = write(STREAM, 2, 0, 1, 2);
        rig.run(() -> {
            rig.group().append(late);
            rig.group().prepare(STREAM, (status, cutSeq) -> prepared.done(status, null));
        });
        rig.await(() -> prepared.status != null);
        assertThat(prepared.status).isEqualTo(StoreStatus.IO_ERROR);
        assertThat(newer(0).status).isEqualTo(StoreStatus.IO_ERROR);
        assertThat(join(SESSION, 200, 5, extents()).status).isEqualTo(StoreStatus.IO_ERROR);
        assertThat(finish(SESSION, 99)).isEqualTo(StoreStatus.IO_ERROR);
    }
}
