package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.model.Geometry;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Room that a stream is guaranteed: nobody else gets it, whatever happens, and it is counted once. */
@NullUnmarked
final class ThickTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());
    private static final long THICK = 9L << 16;
    private static final long OTHER = 8L << 16;
    private static final int BLOCKS = Geometry.BLOCKS_PER_PIECE;

    /** Of the guarantee, in pieces. */
    private static final int KEPT = 400;

    /** {@link StoreRig#STREAM}, which is thin, takes whatever it can get of the disk's 256 MiB. */
    private final StoreRig rig = StoreRig.opened(SEED);

    private long thinSeq;
    private long thickSeq;

    ThickTest() {
        System.out.println("ThickTest -Dvarve.seed=" + SEED);
    }

    private StoreStatus await(Consumer<ReplicaStore.StatusCallback> call) {
        StoreStatus[] status = new StoreStatus[1];
        rig.run(() -> call.accept(done -> status[0] = done));
        rig.await(() -> status[0] != null);
        return status[0];
    }

    private StoreStatus create(int pieces) {
        return await(done -> rig.group().create(THICK, 1, 4096 * BLOCKS, pieces * BLOCKS, done));
    }

    private StoreStatus guarantee(int pieces) {
        return await(done -> rig.group().guarantee(THICK, 1, pieces * BLOCKS, done));
    }

    private long room() {
        return rig.group().credits().pieces();
    }

    private long kept() {
        return rig.group().stats().guaranteedBytes() / Geometry.PIECE_BYTES;
    }

    /** What nobody has, less all that is put aside: never below nothing. */
    private long unclaimed() {
        StoreStats stats = rig.group().stats();
        return (stats.capacityBytes() - stats.allocatedBytes() - stats.reservedBytes() - stats.guaranteedBytes())
                / Geometry.PIECE_BYTES;
    }

    private void checkpoint() {
        rig.commit(STREAM, thinSeq);
        rig.commit(THICK, thickSeq);
        for (int i = 0; i < 2; i++) {
            boolean[] done = new boolean[1];
            rig.run(() -> rig.group().reclaim(() -> done[0] = true));
            rig.await(() -> done[0]);
        }
    }

    private StoreStatus writeThick(int piece, int blocks) {
        return write(THICK, thickSeq + 1, piece * BLOCKS, blocks);
    }

    private StoreStatus write(long stream, long seq, int block, int count) {
        for (int tries = 0; rig.group().credits().journalBytes() < 2L << 20; tries++) {
            assertThat(tries).as("the journal is emptied").isLessThan(100);
            checkpoint();
        }
        StoreStatus status = rig.append(StoreRig.write(stream, seq, block, count, seq));
        if (status == StoreStatus.OK) {
            thinSeq = stream == STREAM ? seq : thinSeq;
            thickSeq = stream == THICK ? seq : thickSeq;
        }
        return status;
    }

    /** As long as the store lets it, the kept twentieth included: what an access point would not even ask for. */
    private int fillThin() {
        int piece = 0;
        while (piece < 4096 && write(STREAM, thinSeq + 1, piece * BLOCKS, 3) == StoreStatus.OK) {
            piece++;
        }
        return piece;
    }

    private void writeAllOfTheThick() {
        for (int piece = 0; piece < KEPT; piece++) {
            assertThat(writeThick(piece, piece % 3 == 0 ? BLOCKS : 5))
                    .as("piece %d, seed %d", piece, SEED)
                    .isEqualTo(StoreStatus.OK);
        }
    }

    @Test
    void whatIsKeptIsWrittenHoweverFullThePoolIs() {
        assertThat(create(KEPT)).isEqualTo(StoreStatus.OK);
        assertThat(kept()).isEqualTo(KEPT);
        fillThin();
        checkpoint();
        fillThin();
        assertThat(room()).isZero();
        assertThat(write(STREAM, thinSeq + 1, 4000 * BLOCKS, 1)).isEqualTo(StoreStatus.NO_SPACE);
        rig.restart();
        assertThat(kept()).isEqualTo(KEPT);
        assertThat(write(STREAM, thinSeq + 1, 4000 * BLOCKS, 1)).isEqualTo(StoreStatus.NO_SPACE);
        writeAllOfTheThick();
        checkpoint();
        assertThat(kept()).isZero();
        assertThat(rig.stamp(THICK, KEPT * BLOCKS - BLOCKS)).isEqualTo(thickSeq);
        assertThat(write(STREAM, thinSeq + 1, 4000 * BLOCKS, 1)).isEqualTo(StoreStatus.NO_SPACE);
    }

    @Test
    void whatIsTrimmedStaysKept() {
        create(KEPT);
        writeAllOfTheThick();
        checkpoint();
        fillThin();
        rig.append(new TestRecord(THICK, Op.UNMAP, ++thickSeq, 0, KEPT * BLOCKS));
        checkpoint();
        assertThat(kept()).isEqualTo(KEPT);
        fillThin();
        checkpoint();
        assertThat(unclaimed()).isNotNegative();
        rig.restart();
        writeAllOfTheThick();
        checkpoint();
        assertThat(rig.stamp(THICK, 0)).isPositive();
    }

    @Test
    void aGuaranteeThatDoesNotFitIsRefusedAndNothingIsLeftOfIt() {
        int most = (int) room();
        assertThat(create(most + 1)).isEqualTo(StoreStatus.NO_SPACE);
        assertThat(rig.group().stream(THICK)).isNull();
        assertThat(room()).isEqualTo(most);
        assertThat(create(most)).isEqualTo(StoreStatus.OK);
        assertThat(room()).isZero();
        assertThat(create(most)).as("the same again").isEqualTo(StoreStatus.OK);
        assertThat(guarantee(most + 1)).isEqualTo(StoreStatus.NO_SPACE);
        assertThat(rig.group().stream(THICK).guaranteedBlocks()).isEqualTo(most * BLOCKS);
        assertThat(kept()).isEqualTo(most);
    }

    /** Units that only wait for a checkpoint are no reason to refuse. */
    @Test
    void asksForACheckpointBeforeItRefuses() {
        long all = room();
        for (int i = 0; i < 4; i++) {
            write(STREAM, thinSeq + 1, 0, 256);
        }
        rig.append(new TestRecord(STREAM, Op.UNMAP, ++thinSeq, 0, 256));
        rig.commit(STREAM, thinSeq);
        assertThat(room()).isLessThan(all);
        assertThat(create((int) all)).isEqualTo(StoreStatus.OK);
    }

    @Test
    void isRaisedAndLoweredDurably() {
        create(KEPT);
        writeThick(3, BLOCKS);
        writeThick(KEPT + 20, BLOCKS);
        checkpoint();
        assertThat(kept()).as("one of them has its unit").isEqualTo(KEPT - 1);
        assertThat(guarantee(KEPT + 100)).isEqualTo(StoreStatus.OK);
        assertThat(kept()).isEqualTo(KEPT + 98);
        rig.restart();
        assertThat(kept()).isEqualTo(KEPT + 98);
        assertThat(guarantee(2)).isEqualTo(StoreStatus.OK);
        assertThat(kept()).isEqualTo(2);
        rig.restart();
        assertThat(kept()).isEqualTo(2);
        assertThat(guarantee(0)).isEqualTo(StoreStatus.OK);
        assertThat(kept()).isZero();
        rig.restart();
        assertThat(rig.group().stream(THICK).guaranteedBlocks()).isZero();
        assertThat(rig.stamp(THICK, 3 * BLOCKS)).isEqualTo(1);
    }

    /** The truth is told what was asked for, so the store keeps that. */
    @Test
    void oneThatIsThereAlreadyKeepsWhatItIsMadeWithAgain() {
        create(KEPT);
        assertThat(create(KEPT / 2)).isEqualTo(StoreStatus.OK);
        assertThat(kept()).isEqualTo(KEPT / 2);
        assertThat(create(0)).isEqualTo(StoreStatus.OK);
        assertThat(kept()).isZero();
    }

    /** The first answer was not waited for, and meanwhile more was wanted. */
    @Test
    void oneThatIsMadeTwiceAtATimeKeepsWhatItIsSaidToKeep() {
        StoreStatus[] status = new StoreStatus[2];
        rig.run(() -> {
            rig.group().create(THICK, 1, 4096 * BLOCKS, 0, done -> status[0] = done);
            rig.group().create(THICK, 1, 4096 * BLOCKS, KEPT * BLOCKS, done -> status[1] = done);
        });
        rig.await(() -> status[0] != null && status[1] != null);
        assertThat(status).containsExactly(StoreStatus.OK, StoreStatus.OK);
        assertThat(kept()).isEqualTo(KEPT);
        rig.restart();
        assertThat(kept()).isEqualTo(KEPT);
    }

    /** The room has to be looked for, and meanwhile the replica is made without. */
    @Test
    void oneThatWasMadeWhileRoomWasSoughtIsNotSaidToKeepIt() {
        StoreStatus[] status = new StoreStatus[2];
        int tooMany = 4096;
        rig.run(() -> {
            rig.group().create(THICK, 1, 4096 * BLOCKS, tooMany * BLOCKS, done -> status[0] = done);
            rig.group().create(THICK, 1, 4096 * BLOCKS, 0, done -> status[1] = done);
        });
        rig.await(() -> status[0] != null && status[1] != null);
        assertThat(status).containsExactly(StoreStatus.NO_SPACE, StoreStatus.OK);
        assertThat(kept()).isZero();
    }

    @Test
    void goesWithItsReplica() {
        long before = room();
        create(KEPT);
        writeThick(0, BLOCKS);
        writeThick(5, 2);
        assertThat(await(done -> rig.group().delete(THICK, 1, done))).isEqualTo(StoreStatus.OK);
        checkpoint();
        assertThat(kept()).isZero();
        assertThat(room()).isEqualTo(before);
        rig.restart();
        assertThat(kept()).isZero();
        assertThat(room()).isEqualTo(before);
    }

    @Test
    void aLearnerThatJoinsKeepsItsRoom() {
        create(KEPT);
        writeThick(0, 4);
        rig.commit(THICK, thickSeq);
        boolean[] done = new boolean[1];
        rig.run(() -> rig.group()
                .prepare(
                        THICK,
                        (status, cut) -> rig.group()
                                .join(
                                        THICK,
                                        7,
                                        cut + 5,
                                        1,
                                        new java.util.BitSet(),
                                        (joined, missing) -> done[0] = joined == StoreStatus.OK)));
        rig.await(() -> done[0]);
        assertThat(kept()).isEqualTo(KEPT - 1);
        rig.restart();
        assertThat(kept()).isEqualTo(KEPT - 1);
    }

    /** Of direct writes that stay uncommitted, in pieces. */
    private static final int TAIL = 12;

    /** Such a tail of that stream pins the ring while another stream goes on, and all units that nobody has are kept for {@link #THICK}. */
    private void pin(long stream) {
        rig.create(OTHER, 4096 * BLOCKS);
        create((int) room() - KEPT);
        for (int piece = 0; piece < TAIL; piece++) {
            rig.append(StoreRig.write(stream, piece + 1, piece * BLOCKS, BLOCKS, piece + 1));
        }
        assertThat(rig.group().stats().reservedBytes())
                .as("they have their units")
                .isZero();
        assertThat(guarantee((int) (kept() + room()))).isEqualTo(StoreStatus.OK);
        fillThin();
        assertThat(unclaimed()).isLessThan(TAIL / 2);
        boolean goesOn = true;
        for (int i = 0; goesOn && i < 300; i++) {
            long until = rig.scheduler.nanos() + 1_000_000_000L;
            while (rig.group().credits().journalBytes() < 20 * 4096 && rig.scheduler.nanos() < until) {
                rig.scheduler.step();
                assertThat(unclaimed()).as("round %d, seed %d", i, SEED).isNotNegative();
            }
            goesOn = rig.append(StoreRig.write(STREAM, thinSeq + 1, i % 4 * BLOCKS, 15, thinSeq + 1)) == StoreStatus.OK;
            thinSeq += goesOn ? 1 : 0;
            rig.commit(STREAM, thinSeq);
        }
    }

    @Test
    void aTailIsNotMovedIntoWhatIsKept() {
        pin(OTHER);
        assertThat(rig.stamp(OTHER, (TAIL - 1) * BLOCKS)).isEqualTo(TAIL);
    }

    @Test
    void aTailIsMovedIntoWhatIsKeptForIt() {
        pin(THICK);
        assertThat(rig.group().stats().reservedBytes())
                .as("its data lies in the journal now, no longer in the units of direct writes")
                .isEqualTo((long) TAIL * Geometry.PIECE_BYTES);
        assertThat(rig.stamp(THICK, (TAIL - 1) * BLOCKS)).isEqualTo(TAIL);
    }

    /** A volume has one for each slab, and other changes of the index wait meanwhile. */
    @Test
    void manyGuaranteesAreSavedByOneCheckpoint() {
        int[] done = new int[1];
        for (int slab = 0; slab < 30; slab++) {
            rig.create(THICK + slab, 65_536);
        }
        long before = rig.group().stats().checkpoints();
        for (int slab = 0; slab < 30; slab++) {
            long stream = THICK + slab;
            rig.run(() ->
                    rig.group().guarantee(stream, 1, BLOCKS, status -> done[0] += status == StoreStatus.OK ? 1 : 0));
        }
        rig.await(() -> done[0] == 30);
        assertThat(rig.group().stats().checkpoints() - before).isLessThanOrEqualTo(3);
        assertThat(kept()).isEqualTo(30);
        rig.restart();
        assertThat(kept()).isEqualTo(30);
    }

    /** Whatever two streams do: what is put aside is there, and a restart counts the same. */
    @Test
    void countsTheSameAfterARestart() {
        SplittableRandom random = new SplittableRandom(SEED);
        create(KEPT);
        for (int round = 0; round < 12; round++) {
            for (int i = 0; i < 60; i++) {
                boolean isThick = random.nextInt(2) == 0;
                int block = random.nextInt(500 * BLOCKS);
                int count = 1 + random.nextInt(random.nextInt(3) == 0 ? 256 - block % 256 : 3);
                count = Math.min(count, 256 - block % 256);
                if (random.nextInt(4) == 0) {
                    Op op = random.nextBoolean() ? Op.UNMAP : Op.ZERO;
                    rig.append(new TestRecord(
                            isThick ? THICK : STREAM, op, isThick ? ++thickSeq : ++thinSeq, block, count));
                } else {
                    write(isThick ? THICK : STREAM, (isThick ? thickSeq : thinSeq) + 1, block, count);
                }
                assertThat(unclaimed()).as("seed %d", SEED).isNotNegative();
            }
            if (round % 3 == 1) {
                guarantee(200 + random.nextInt(400));
            }
            if (random.nextBoolean()) {
                rig.restart();
            }
            checkpoint();
            long keptBefore = kept();
            long roomBefore = room();
            rig.restart();
            assertThat(kept()).as("seed %d, round %d", SEED, round).isEqualTo(keptBefore);
            assertThat(room()).as("seed %d, round %d", SEED, round).isEqualTo(roomBefore);
        }
    }

    /** The power goes at every step while a guarantee is given, raised or taken back, and another stream takes all it can get. */
    @Test
    void neverGuaranteesMoreThanThereIsWhereverTheCrashIs() {
        for (int steps = 0; steps < 400; steps += 7) {
            StoreRig own = StoreRig.opened(SEED + steps);
            new Crash(own, steps).run();
        }
    }

    private record Crash(StoreRig rig, int steps) {
        void run() {
            int[] acknowledged = {-1};
            rig.run(() -> rig.group().create(THICK, 1, 4096 * BLOCKS, KEPT * BLOCKS, made -> {
                acknowledged[0] = KEPT;
                rig.group().guarantee(THICK, 1, 2 * KEPT * BLOCKS, raised -> {
                    acknowledged[0] = 2 * KEPT;
                    rig.group().guarantee(THICK, 1, KEPT * BLOCKS, lowered -> acknowledged[0] = KEPT);
                });
            }));
            long seq = 0;
            for (int step = 0; step < steps; step++) {
                if (step % 3 == 0 && rig.group().credits().journalBytes() > 64 * 4096) {
                    long next = ++seq;
                    rig.run(() -> rig.group()
                            .append(StoreRig.write(STREAM, next, (int) next * BLOCKS, 2, next)
                                    .committing(next - 1)));
                }
                rig.scheduler.step();
            }
            int before = acknowledged[0];
            rig.restart();
            StreamState state = rig.group().stream(THICK);
            int found = state == null ? 0 : state.guaranteedBlocks() / BLOCKS;
            if (before == 2 * KEPT) {
                assertThat(found).as("raised, perhaps being lowered").isIn(KEPT, 2 * KEPT);
            } else if (before == KEPT) {
                assertThat(found).as("given, perhaps being raised").isIn(KEPT, 2 * KEPT);
            }
            StoreStats stats = rig.group().stats();
            assertThat(stats.guaranteedBytes()).isEqualTo((long) found * Geometry.PIECE_BYTES);
            assertThat(stats.capacityBytes() - stats.allocatedBytes() - stats.reservedBytes() - stats.guaranteedBytes())
                    .isNotNegative();
        }
    }
}
