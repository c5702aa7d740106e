package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.metrics.VolumeCounters;
import io.varve.dataplane.volume.SimulatedCluster.Request;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SlabVolumeTest {
    @Test
    void writesToEveryCopyAndReadsBack() {
        SimulatedCluster cluster = new SimulatedCluster(1, 3, 2, 2);
        cluster.open(0);
        byte[] data = SimulatedCluster.stamp(8192, 1);
        assertThat(cluster.write(0, 4096, data)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.read(0, 4096, 8192)).isEqualTo(data);
        cluster.assertCopiesEqual(2);
    }

    @Test
    void servesAVolumeWithoutACopyOnItsNode() {
        SimulatedCluster cluster = new SimulatedCluster(2, 3, 2, 1);
        cluster.open(2);
        byte[] data = SimulatedCluster.stamp(4096, 2);
        assertThat(cluster.write(2, 0, data)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.read(2, 0, 4096)).isEqualTo(data);
        cluster.assertCopiesEqual(2);
    }

    @Test
    void splitsAtExtentsAndSlabs() {
        SimulatedCluster cluster = new SimulatedCluster(3, 2, 2, 2);
        cluster.open(0);
        byte[] data = SimulatedCluster.stamp(3 * 1024 * 1024, 3);
        long offset = Geometry.SLAB_BYTES - 1024 * 1024 - 12288;
        assertThat(cluster.write(0, offset, data)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.read(0, offset, data.length)).isEqualTo(data);
        cluster.assertCopiesEqual(2);
    }

    @Test
    void changesBlocksThatAreCoveredInPart() {
        SimulatedCluster cluster = new SimulatedCluster(4, 2, 2, 1);
        cluster.open(0);
        byte[] model = new byte[64 * 1024];
        java.util.SplittableRandom random = new java.util.SplittableRandom(4);
        for (int i = 0; i < 200; i++) {
            int offset = random.nextInt(model.length - 1);
            int length = 1 + random.nextInt(Math.min(20_000, model.length - offset));
            BlockRequest.Kind kind = random.nextInt(3) > 0
                    ? BlockRequest.Kind.WRITE
                    : random.nextBoolean() ? BlockRequest.Kind.ZERO : BlockRequest.Kind.UNMAP;
            if (kind == BlockRequest.Kind.WRITE) {
                byte[] data = SimulatedCluster.stamp(length, i);
                assertThat(cluster.write(0, offset, data)).isEqualTo(BlockStatus.OK);
                System.arraycopy(data, 0, model, offset, length);
            } else {
                assertThat(cluster.await(cluster.submit(0, cluster.request(kind, offset, length))))
                        .isEqualTo(BlockStatus.OK);
                java.util.Arrays.fill(model, offset, offset + length, (byte) 0);
            }
            int from = random.nextInt(model.length - 1);
            int bytes = 1 + random.nextInt(model.length - from);
            assertThat(cluster.read(0, from, bytes)).isEqualTo(java.util.Arrays.copyOfRange(model, from, from + bytes));
        }
        cluster.assertCopiesEqual(2);
    }

    @Test
    void losesNoPartOfABlockWhenManyWriteToIt() {
        SimulatedCluster cluster = new SimulatedCluster(5, 2, 2, 1);
        cluster.open(0);
        List<Request> all = new ArrayList<>();
        byte[] model = new byte[4096];
        for (int i = 0; i < 32; i++) {
            byte[] data = SimulatedCluster.stamp(128, i);
            System.arraycopy(data, 0, model, i * 128, 128);
            all.add(cluster.submit(0, cluster.writeOf(i * 128L, data)));
        }
        all.forEach(request -> assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK));
        assertThat(cluster.read(0, 0, 4096)).isEqualTo(model);
    }

    @Test
    void waitsForACopyThatIsAwayWhileTheSetCannotChangeAndGoesOnWithoutAnError() {
        SimulatedCluster cluster = new SimulatedCluster(6, 3, 2, 1);
        cluster.open(0);
        cluster.truth.isAway = true;
        cluster.node(1).crash();
        byte[] data = SimulatedCluster.stamp(4096, 6);
        Request request = cluster.submit(0, cluster.writeOf(0, data));
        cluster.scheduler.runFor(20 * SimulatedCluster.SECOND);
        assertThat(request.status).isNull();
        assertThat(cluster.node(0).life().volume().accessPoints().state()).isEqualTo("STALLED");
        cluster.node(1).start();
        assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.read(0, 0, 4096)).isEqualTo(data);
        cluster.assertCopiesEqual(2);
    }

    @Test
    void answersIoErrorAfterTheLimitAndRecoversLater() {
        SimulatedCluster cluster = new SimulatedCluster(7, 3, 2, 1);
        cluster.open(0);
        cluster.truth.isAway = true;
        cluster.node(1).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 7)));
        cluster.scheduler.runFor(58 * SimulatedCluster.SECOND);
        assertThat(request.status).isNull();
        cluster.scheduler.runFor(5 * SimulatedCluster.SECOND);
        assertThat(request.status).isEqualTo(BlockStatus.IO_ERROR);
        cluster.node(1).start();
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 8))).isEqualTo(BlockStatus.OK);
        cluster.assertCopiesEqual(2);
    }

    @Test
    void refusesThinGrowthWhenThePoolIsFullAndTakesTheRest() {
        SimulatedCluster cluster = new SimulatedCluster(8, 2, 2, 1);
        cluster.open(0);
        byte[] data = SimulatedCluster.stamp(4096, 9);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
        cluster.node(1).life().memory().pieces = 0;
        cluster.scheduler.runFor(3 * SimulatedCluster.SECOND);
        assertThat(cluster.write(0, 1 << 20, data)).isEqualTo(BlockStatus.NO_SPACE);
        assertThat(cluster.write(0, 4096, data)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, 0, 1 << 20))))
                .isEqualTo(BlockStatus.OK);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.NO_SPACE);
        cluster.node(1).life().memory().pieces = 10;
        cluster.scheduler.runFor(3 * SimulatedCluster.SECOND);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
    }

    @Test
    void waitsForJournalRoomInsteadOfFailing() {
        SimulatedCluster cluster = new SimulatedCluster(9, 2, 2, 1);
        cluster.open(0);
        cluster.node(1).life().memory().journalBytes = 0;
        cluster.scheduler.runFor(3 * SimulatedCluster.SECOND);
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 9)));
        cluster.scheduler.runFor(10 * SimulatedCluster.SECOND);
        assertThat(request.status).isNull();
        cluster.node(1).life().memory().journalBytes = 1 << 20;
        assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
    }

    @Test
    void tellsWhichPartsTakeSpace() {
        SimulatedCluster cluster = new SimulatedCluster(10, 2, 2, 2);
        SlabVolume volume = cluster.open(0);
        assertThat(runs(volume)).containsExactly("0+" + 2 * Geometry.SLAB_BYTES + " hole");
        cluster.write(0, Geometry.SLAB_BYTES - 4096, SimulatedCluster.stamp(8192, 1));
        assertThat(runs(volume))
                .containsExactly(
                        "0+" + (Geometry.SLAB_BYTES - 65536) + " hole",
                        Geometry.SLAB_BYTES - 65536 + "+131072 data",
                        Geometry.SLAB_BYTES + 65536 + "+" + (Geometry.SLAB_BYTES - 65536) + " hole");
    }

    private static List<String> runs(SlabVolume volume) {
        List<String> runs = new ArrayList<>();
        volume.allocation(0, volume.sizeBytes(), (offset, length, allocated) -> {
            runs.add(offset + "+" + length + (allocated ? " data" : " hole"));
            return true;
        });
        return runs;
    }

    @Test
    void asksTheFrontEndToWaitAndTellsWhenItMayGoOn() {
        SimulatedCluster cluster = new SimulatedCluster(11, 2, 2, 1);
        SlabVolume volume = cluster.open(0);
        cluster.truth.isAway = true;
        cluster.node(1).life().memory().isStuck = true;
        List<Request> all = new ArrayList<>();
        for (int i = 0; i < SlabVolume.MAX_REQUESTS; i++) {
            all.add(cluster.submit(0, cluster.writeOf(4096L * i, SimulatedCluster.stamp(4096, i))));
        }
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        assertThat(volume.canTakeMore()).isFalse();
        boolean[] drained = new boolean[1];
        cluster.node(0).life().loop.execute(() -> volume.onDrained(() -> drained[0] = true));
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        assertThat(drained[0]).isFalse();
        cluster.node(1).life().memory().unstick();
        all.forEach(request -> assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK));
        assertThat(drained[0]).isTrue();
        assertThat(volume.canTakeMore()).isTrue();
    }

    @Test
    void answersShuttingDownWhileDetaching() {
        SimulatedCluster cluster = new SimulatedCluster(12, 2, 2, 1);
        cluster.open(0);
        Request before = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        boolean[] detached = new boolean[1];
        boolean[] gone = new boolean[1];
        SimulatedCluster.Life life = cluster.node(0).life();
        life.loop.execute(() -> life.volumes.onGone(life.volume(), () -> gone[0] = true));
        life.loop.execute(
                () -> life.volumes.detach(SimulatedCluster.VOLUME, Volumes.DETACH_LIMIT, () -> detached[0] = true));
        Request after = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 2)));
        assertThat(cluster.await(before)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.await(after)).isEqualTo(BlockStatus.SHUTTING_DOWN);
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        assertThat(detached[0]).isTrue();
        assertThat(gone[0]).isTrue();
        assertThat(life.volumes.names()).isEmpty();
    }

    @Test
    void fencesTheOldAccessPointWhenAnotherNodeAttaches() {
        SimulatedCluster cluster = new SimulatedCluster(13, 3, 2, 1);
        cluster.open(0);
        byte[] data = SimulatedCluster.stamp(4096, 1);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
        cluster.open(1);
        assertThat(cluster.read(1, 0, 4096)).isEqualTo(data);
        assertThat(cluster.node(0).life().volumes.names()).isEmpty();
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.FENCED);
        assertThat(cluster.write(1, 0, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
        cluster.assertCopiesEqual(2);
    }

    @Test
    void readsFromAnotherCopyWhenOneIsDamagedAndRepairsIt() {
        SimulatedCluster cluster = new SimulatedCluster(14, 2, 2, 1);
        SlabVolume volume = cluster.open(0);
        byte[] data = SimulatedCluster.stamp(16384, 1);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
        long stream = io.varve.model.StreamId.of(SimulatedCluster.VOLUME, 0);
        cluster.node(0).disk().rot(stream, 2);
        assertThat(cluster.read(0, 0, 16384)).isEqualTo(data);
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        assertThat(cluster.node(0).disk().isRotten(stream, 2)).isFalse();
        assertThat(volume.accessPoints().readsRepaired()).isEqualTo(1);
    }

    @Test
    void timesEachKindOfRequestByItself() {
        SimulatedCluster cluster = new SimulatedCluster(25, 2, 2, 1);
        VolumeCounters counters = cluster.open(0).counters();
        List<LatencyHistogram> kinds =
                List.of(counters.reads(), counters.writes(), counters.zeroes(), counters.unmaps(), counters.flushes());
        cluster.write(0, 0, SimulatedCluster.stamp(4096, 1));
        assertThat(kinds).extracting(SlabVolumeTest::count).containsExactly(0L, 1L, 0L, 0L, 0L);
        cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.ZERO, 0, 8192)));
        assertThat(kinds).extracting(SlabVolumeTest::count).containsExactly(0L, 1L, 1L, 0L, 0L);
        cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, 0, 4096)));
        assertThat(kinds).extracting(SlabVolumeTest::count).containsExactly(0L, 1L, 1L, 1L, 0L);
        cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.FLUSH, 0, 0)));
        cluster.read(0, 0, 4096);
        assertThat(kinds).extracting(SlabVolumeTest::count).containsExactly(1L, 1L, 1L, 1L, 1L);
        assertThat(counters.get(VolumeCounters.Figure.ZEROED_BYTES)).isEqualTo(8192);
    }

    private static long count(LatencyHistogram histogram) {
        return java.util.Arrays.stream(histogram.snapshot()).sum();
    }

    @Test
    void readsTheCopyOnItsHostBeforeOneElsewhere() {
        for (int near = 0; near < 2; near++) {
            SimulatedCluster cluster = new SimulatedCluster(23 + near, 3, 2, 1);
            cluster.node(2).crash();
            cluster.node(2).host = "n" + near;
            cluster.node(2).start();
            SlabVolume volume = cluster.open(2);
            byte[] data = SimulatedCluster.stamp(4096, 1);
            assertThat(cluster.write(2, 0, data)).isEqualTo(BlockStatus.OK);
            long stream = io.varve.model.StreamId.of(SimulatedCluster.VOLUME, 0);
            // Damage is found, and repaired, only where a read asks.
            cluster.node(1 - near).disk().rot(stream, 0);
            assertThat(cluster.read(2, 0, 4096)).isEqualTo(data);
            assertThat(volume.accessPoints().readsRepaired())
                    .as("n%d asked first", near)
                    .isZero();
        }
    }

    @Test
    void attachesATerabyteQuickly() {
        SimulatedCluster cluster = new SimulatedCluster(15, 3, 2, 128);
        SimulatedCluster.Life life = cluster.node(0).life();
        long begin = cluster.scheduler.nanos();
        life.attach();
        while (!life.isOpen && cluster.scheduler.nanos() - begin < 10 * SimulatedCluster.SECOND) {
            cluster.scheduler.runFor(1_000_000);
        }
        assertThat(cluster.scheduler.nanos() - begin).isLessThan(SimulatedCluster.SECOND / 5);
    }

    /** The reader's loop stops with the data of a read on its way to it; meanwhile another node takes the volume over and writes. */
    @Test
    void doesNotAnswerFromDataThatGrewOldDuringAPause() {
        for (long microseconds = 50; microseconds < 1500; microseconds += 50) {
            SimulatedCluster cluster = new SimulatedCluster(16, 3, 2, 1);
            cluster.open(2);
            assertThat(cluster.write(2, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
            cluster.scheduler.runFor(SimulatedCluster.SECOND);
            Request old = cluster.submit(2, cluster.readOf(0, 4096));
            cluster.scheduler.runFor(microseconds * 1000);
            boolean answeredBefore = old.status != null;
            cluster.node(2).life().loop.pause(20 * SimulatedCluster.SECOND);
            cluster.open(0);
            byte[] data = SimulatedCluster.stamp(4096, 2);
            assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
            cluster.scheduler.runFor(30 * SimulatedCluster.SECOND);
            if (!answeredBefore) {
                assertThat(old.status).as("paused after %d us", microseconds).isEqualTo(BlockStatus.FENCED);
            }
        }
    }

    /** The same with a pause that is shorter than the lease: whoever takes over must wait, because the sleeper may answer when it wakes. */
    @Test
    void doesNotOpenWhileADataHolderSleepsThroughItsLease() {
        for (long microseconds = 50; microseconds < 1500; microseconds += 50) {
            SimulatedCluster cluster = new SimulatedCluster(16, 3, 2, 1);
            cluster.open(2);
            byte[] first = SimulatedCluster.stamp(4096, 1);
            assertThat(cluster.write(2, 0, first)).isEqualTo(BlockStatus.OK);
            cluster.scheduler.runFor(SimulatedCluster.SECOND);
            Request old = cluster.submit(2, cluster.readOf(0, 4096));
            cluster.scheduler.runFor(microseconds * 1000);
            boolean answeredBefore = old.status != null;
            long wakes = cluster.scheduler.nanos() + 2 * SimulatedCluster.SECOND;
            cluster.node(2).life().loop.pause(2 * SimulatedCluster.SECOND);
            cluster.open(0);
            assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
            boolean writtenWhileAsleep = cluster.scheduler.nanos() < wakes;
            cluster.scheduler.runFor(5 * SimulatedCluster.SECOND);
            if (!answeredBefore && writtenWhileAsleep) {
                assertThat(old.status).as("paused after %d us", microseconds).isEqualTo(BlockStatus.FENCED);
            }
        }
    }

    @Test
    void waitsForTheLeaseOfAnAccessPointThatIsCutOff() {
        SimulatedCluster cluster = new SimulatedCluster(17, 3, 2, 1);
        cluster.open(2);
        assertThat(cluster.write(2, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        cluster.network.cut("n2", "n0");
        cluster.network.cut("n2", "n1");
        long begin = cluster.scheduler.nanos();
        cluster.open(0);
        assertThat(cluster.scheduler.nanos() - begin).isGreaterThan(3 * SimulatedCluster.SECOND);
    }

    @Test
    void takesOverAtOnceFromADeadProcessOfTheSameNode() {
        SimulatedCluster cluster = new SimulatedCluster(18, 3, 2, 1);
        cluster.open(0);
        byte[] data = SimulatedCluster.stamp(4096, 1);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
        cluster.nodes.forEach(SimulatedCluster.Node::crash);
        cluster.nodes.forEach(SimulatedCluster.Node::start);
        long begin = cluster.scheduler.nanos();
        cluster.open(0);
        assertThat(cluster.scheduler.nanos() - begin).isLessThan(SimulatedCluster.SECOND);
        assertThat(cluster.read(0, 0, 4096)).isEqualTo(data);
    }

    @Test
    void takesOverAtOnceAfterADetach() {
        SimulatedCluster cluster = new SimulatedCluster(19, 3, 2, 1);
        cluster.open(2);
        cluster.scheduler.runFor(2 * SimulatedCluster.SECOND);
        SimulatedCluster.Life life = cluster.node(2).life();
        life.loop.execute(() -> life.volumes.detach(SimulatedCluster.VOLUME, Volumes.DETACH_LIMIT, () -> {}));
        cluster.scheduler.runFor(SimulatedCluster.SECOND / 100);
        long begin = cluster.scheduler.nanos();
        cluster.open(0);
        assertThat(cluster.scheduler.nanos() - begin).isLessThan(SimulatedCluster.SECOND / 2);
    }

    @Test
    void doesNotOpenWhenACopyLostWhatWasCommitted() {
        SimulatedCluster cluster = new SimulatedCluster(20, 2, 2, 1);
        cluster.open(0);
        for (int i = 0; i < 5; i++) {
            assertThat(cluster.write(0, 4096L * i, SimulatedCluster.stamp(4096, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        cluster.nodes.forEach(SimulatedCluster.Node::crash);
        long stream = io.varve.model.StreamId.of(SimulatedCluster.VOLUME, 0);
        cluster.node(0).disk().lose(stream, 2);
        cluster.node(1).disk().lose(stream, 2);
        cluster.nodes.forEach(SimulatedCluster.Node::start);
        SimulatedCluster.Life life = cluster.node(0).life();
        life.attach();
        cluster.scheduler.runFor(20 * SimulatedCluster.SECOND);
        assertThat(life.failure).contains("data loss");
        assertThat(life.isOpen).isFalse();
    }

    @Test
    void leavesOutACopyThatComesBackWithLessThanItAcknowledged() {
        SimulatedCluster cluster = new SimulatedCluster(21, 2, 2, 1);
        SlabVolume volume = cluster.open(0);
        for (int i = 0; i < 5; i++) {
            assertThat(cluster.write(0, 4096L * i, SimulatedCluster.stamp(4096, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        cluster.node(1).crash();
        cluster.node(1).disk().lose(io.varve.model.StreamId.of(SimulatedCluster.VOLUME, 0), 2);
        cluster.node(1).start();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 9)));
        assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
        cluster.scheduler.runFor(10 * SimulatedCluster.SECOND);
        assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
        assertThat(volume.accessPoints().detail()).contains("lost what it had acknowledged");
    }

    @Test
    void comparesCopiesAndNamesTheDifference() {
        SimulatedCluster cluster = new SimulatedCluster(22, 2, 2, 1);
        cluster.open(0);
        assertThat(cluster.write(0, 5 << 20, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        assertThat(cluster.differences(0)).isEmpty();
        cluster.node(1).disk().change(io.varve.model.StreamId.of(SimulatedCluster.VOLUME, 0), 5 * 256);
        assertThat(cluster.differences(0)).singleElement().asString().contains("slab 0 extent 5: group-n0 ");
    }
}
