package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.replication.Verification;
import io.varve.model.StreamId;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Comparing copies: what is damaged on one is repaired from another, what differs or is lost is told, and nothing is made up. */
@NullUnmarked
final class VerificationTest {
    private static final long STREAM = StreamId.of(SimulatedCluster.VOLUME, 0);
    private static final int BLOCKS = 64;
    /** Not a multiple of an extent: the last one is short. */
    private static final long SIZE_BYTES = (9 << 20) + 8192;

    private final SimulatedCluster cluster = new SimulatedCluster(21, 2, 2, 1, SIZE_BYTES, false);
    private final byte[] data = SimulatedCluster.stamp(BLOCKS * 4096, 1);

    private void write() {
        cluster.open(0);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
    }

    private Verification.Finding onlyFinding() {
        List<Verification.Finding> found = cluster.verify(0);
        assertThat(found).hasSize(1);
        return found.getFirst();
    }

    @Test
    void repairsDamageOfACopyThatNobodyReads() {
        write();
        for (int block : new int[] {3, 4, 40}) {
            cluster.node(1).disk().rot(STREAM, block);
        }
        assertThat(onlyFinding()).isEqualTo(new Verification.Finding(3, 3, 0, 0, List.of()));
        assertThat(cluster.node(1).disk().isRotten(STREAM, 40)).isFalse();
        assertThat(cluster.verify(0)).as("a second time").isEmpty();
        cluster.assertCopiesEqual(2);
    }

    @Test
    void repairsBothCopiesFromOneAnother() {
        write();
        cluster.node(0).disk().rot(STREAM, 7);
        cluster.node(1).disk().rot(STREAM, 8);
        assertThat(onlyFinding()).isEqualTo(new Verification.Finding(2, 2, 0, 0, List.of()));
        assertThat(cluster.verify(0)).isEmpty();
        assertThat(cluster.read(0, 0, data.length)).isEqualTo(data);
    }

    @Test
    void readsWhatNoSingleCopyHoldsWhole() {
        write();
        cluster.node(0).disk().rot(STREAM, 7);
        cluster.node(1).disk().rot(STREAM, 8);
        assertThat(cluster.read(0, 0, data.length)).isEqualTo(data);
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        assertThat(cluster.node(0).disk().isRotten(STREAM, 7)).isFalse();
        cluster.node(0).disk().rot(STREAM, 9);
        cluster.node(1).disk().rot(STREAM, 9);
        assertThat(cluster.await(cluster.submit(0, cluster.readOf(0, data.length))))
                .isEqualTo(BlockStatus.IO_ERROR);
    }

    @Test
    void tellsBlocksThatNoCopyHoldsByVolumeOffset() {
        write();
        for (int block : new int[] {10, 11, 20}) {
            cluster.node(0).disk().rot(STREAM, block);
            cluster.node(1).disk().rot(STREAM, block);
        }
        cluster.node(1).disk().rot(STREAM, 30);
        Verification.Finding found = onlyFinding();
        assertThat(found.damaged()).isEqualTo(4);
        assertThat(found.repaired()).isEqualTo(1);
        assertThat(found.lost()).isEqualTo(3);
        assertThat(found.different()).isZero();
        assertThat(found.isEqual()).isFalse();
        assertThat(found.places())
                .containsExactly(
                        "volume offset 40960 length 8192 is damaged on every copy: restore it",
                        "volume offset 81920 length 4096 is damaged on every copy: restore it");
        assertThat(onlyFinding().damaged()).as("a second time").isEqualTo(3);
    }

    @Test
    void countsBlocksThatDifferAndTouchesNone() {
        write();
        cluster.node(1).disk().change(STREAM, 5);
        cluster.node(1).disk().change(STREAM, 9);
        cluster.node(1).disk().rot(STREAM, 6);
        Verification.Finding found = onlyFinding();
        assertThat(found.damaged()).isEqualTo(1);
        assertThat(found.repaired()).isEqualTo(1);
        assertThat(found.different()).isEqualTo(2);
        assertThat(found.places())
                .singleElement()
                .asString()
                .startsWith("volume offset 20480 length 4096 is the first of 2");
        assertThat(onlyFinding().different()).as("nobody knows which is right").isEqualTo(2);
    }

    @Test
    void repairsWhileTheVolumeIsWritten() {
        write();
        for (int block = 0; block < BLOCKS; block += 2) {
            cluster.node(1).disk().rot(STREAM, block);
        }
        for (int i = 0; i < 400; i++) {
            long offset = i % BLOCKS * 4096L;
            SimulatedCluster.Request each = cluster.writeOf(offset, SimulatedCluster.stamp(4096, 100 + i));
            cluster.node(0)
                    .life()
                    .loop
                    .schedule(
                            i * 200_000L, () -> cluster.node(0).life().volume().submit(each));
        }
        cluster.verify(0).forEach(found -> assertThat(found.places()).isEmpty());
        assertThat(cluster.verify(0)).isEmpty();
        cluster.assertCopiesEqual(2);
    }

    @Test
    void saysWhenTheOnlyCopyIsDamaged() {
        SimulatedCluster single = new SimulatedCluster(22, 1, 1, 1, SIZE_BYTES, false);
        single.open(0);
        assertThat(single.write(0, 0, data)).isEqualTo(BlockStatus.OK);
        single.node(0).disk().rot(STREAM, 1);
        assertThat(single.verify(0)).singleElement().satisfies(found -> {
            assertThat(found.lost()).isEqualTo(1);
            assertThat(found.isEqual()).isFalse();
        });
    }
}
