package io.varve.cli.attach;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.varve.cli.attach.MortalTarget.Death;
import io.varve.cli.attach.MortalTarget.Fate;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Requests against access points that die at every point of the protocol. */
class RemoteVolumeTest {
    private static final int BLOCK = 4096;

    private final byte[] bytes = new byte[MortalTarget.SIZE];
    private final ConcurrentLinkedQueue<Fate> fates = new ConcurrentLinkedQueue<>();

    private Fate nextFate() {
        var next = fates.poll();
        return next == null ? Fate.GOOD : next;
    }

    private MortalTarget target() throws IOException {
        return new MortalTarget(bytes, this::nextFate);
    }

    private static final ReplyReader.Answered NOBODY = new ReplyReader.Answered() {
        @Override
        public void answered(Pending request, int error) {}

        @Override
        public void heldBack(Pending request) {}
    };

    private static Place at(MortalTarget target, long epoch) {
        return new Place("127.0.0.1", target.port(), epoch, "n" + epoch);
    }

    private static byte[] block(int value) {
        var block = new byte[BLOCK];
        Arrays.fill(block, (byte) value);
        return block;
    }

    @ParameterizedTest
    @EnumSource(
            value = Death.class,
            names = {"NEVER", "SILENCE", "OUT_OF_SPACE", "BROKEN", "FORBIDDEN"},
            mode = EnumSource.Mode.EXCLUDE)
    void goesOnAfterADeathAnywhere(Death death) throws Exception {
        fates.add(new Fate(2, Death.AFTER_EXECUTION));
        for (var requests = 0; requests < 3; requests++) {
            fates.add(new Fate(requests, death));
        }
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            for (var number = 1; number <= 12; number++) {
                assertThat(under.write(BLOCK, block(number))).isEqualTo(BlockStatus.OK);
                assertThat(under.read(BLOCK, BLOCK)).isEqualTo(block(number));
            }
            assertThat(target.connections.get()).isGreaterThanOrEqualTo(4);
            assertThat(under.volume.pauses().count()).isPositive();
        }
    }

    @Test
    void losesNothingUnderManyDeaths() throws Exception {
        var seed = Long.getLong("varve.seed", new SplittableRandom().nextLong());
        var random = new SplittableRandom(seed);
        var deaths = Arrays.stream(Death.values())
                .filter(death -> !List.of(Death.NEVER, Death.SILENCE, Death.OUT_OF_SPACE, Death.BROKEN, Death.FORBIDDEN)
                        .contains(death))
                .toList();
        for (var i = 0; i < 150; i++) {
            fates.add(new Fate(random.nextInt(1, 12), deaths.get(random.nextInt(deaths.size()))));
        }
        var turn = new AtomicLong(1);
        try (var one = target();
                var two = target();
                var workers = Executors.newVirtualThreadPerTaskExecutor();
                var under = new VolumeUnderTest(
                                Duration.ZERO,
                                () -> turn.get() / 3 % 2 == 0
                                        ? at(one, turn.getAndIncrement())
                                        : at(two, turn.getAndIncrement()))
                        .open()) {
            List<Future<Integer>> ends = new ArrayList<>();
            for (var worker = 0; worker < 16; worker++) {
                var number = worker;
                ends.add(workers.submit(() -> stamp(under, number)));
            }
            for (var end : ends) {
                assertThat(end.get(60, TimeUnit.SECONDS)).as("seed %d", seed).isPositive();
            }
        }
        assertThat(fates).as("deaths that nobody died, seed %d", seed).isEmpty();
    }

    /** Writes and reads blocks of its own until all deaths have been died. */
    private int stamp(VolumeUnderTest under, int worker) {
        var stamps = new int[8];
        var random = new SplittableRandom(worker);
        var rounds = 0;
        while (!fates.isEmpty()) {
            var index = random.nextInt(stamps.length);
            var offset = (long) (worker * stamps.length + index) * BLOCK;
            if (random.nextInt(3) > 0) {
                var next = stamps[index] % 100 + 1;
                assertThat(under.write(offset, block(next))).isEqualTo(BlockStatus.OK);
                stamps[index] = next;
            }
            assertThat(under.read(offset, BLOCK)).isEqualTo(block(stamps[index]));
            rounds++;
        }
        return rounds;
    }

    @Test
    void neverRepeatsAChangeAfterANewerOneOfTheSameBytes() throws Exception {
        for (var i = 0; i < 40; i++) {
            fates.add(new Fate(i % 3, i % 2 == 0 ? Death.AFTER_EXECUTION : Death.IN_REPLY));
        }
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            List<VolumeUnderTest.Request> submitted = new ArrayList<>();
            for (var number = 1; number <= 60; number++) {
                submitted.add(under.submit(BlockRequest.Kind.WRITE, number % 2 * 512L, block(number)));
            }
            submitted.forEach(request -> assertThat(request.await()).isEqualTo(BlockStatus.OK));
            var order = target.writes.stream().map(write -> (int) write.first()).toList();
            assertThat(order).isSorted();
        }
    }

    @Test
    void realErrorsGoThrough() throws Exception {
        fates.add(new Fate(0, Death.OUT_OF_SPACE));
        fates.add(new Fate(0, Death.BROKEN));
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.NO_SPACE);
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.NO_SPACE);
            target.dropConnections();
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.IO_ERROR);
        }
    }

    @Test
    void distrustsAnswersToWhatWasNotAsked() throws Exception {
        var reader = new ReplyReader(new PendingRequests(), NOBODY);
        assertThat(reader.read(Unpooled.wrappedBuffer(MortalTarget.error(1, 28))))
                .isNotNull();
        assertThat(new ReplyReader(new PendingRequests(), NOBODY).read(Unpooled.wrappedBuffer(new byte[64])))
                .isNotNull();
    }

    @Test
    void asksWhetherASilentTargetLivesAndLeavesADeadOne() throws Exception {
        fates.add(new Fate(0, Death.SILENCE));
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            under.answersProbes = false;
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.OK);
            assertThat(under.probes.get()).isEqualTo(1);
            assertThat(under.deadTimes.getLast()).isGreaterThanOrEqualTo(Duration.ofSeconds(1));
            assertThat(under.volume.pauses().longest()).isLessThan(Duration.ofSeconds(2));
        }
    }

    @Test
    void countsHowLongNobodyAnswers() throws Exception {
        for (var i = 0; i < 8; i++) {
            fates.add(new Fate(i == 0 ? 1 : 0, i == 0 ? Death.IN_REQUEST : Death.BEFORE_GREETING));
        }
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.OK);
            assertThat(under.write(0, block(2))).isEqualTo(BlockStatus.OK);
            assertThat(under.deadTimes.get(1)).isZero();
            assertThat(under.deadTimes.getLast()).isGreaterThan(Duration.ofMillis(500));
        }
    }

    @Test
    void failsWhenTheVolumeHasAnotherSizeThanBefore() throws Exception {
        fates.add(new Fate(1, Death.IN_REQUEST));
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.OK);
            target.size = MortalTarget.SIZE / 2;
            assertThat(under.write(0, block(2))).isEqualTo(BlockStatus.IO_ERROR);
            assertThat(under.failed.get(20, TimeUnit.SECONDS)).contains("bytes and flags");
            assertThat(under.write(0, block(2))).isEqualTo(BlockStatus.IO_ERROR);
        }
    }

    @Test
    void whatWaitsFailsWhenTheVolumeIsAnothers() throws Exception {
        fates.add(new Fate(1, Death.BEFORE_EXECUTION));
        fates.add(new Fate(0, Death.FORBIDDEN));
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.OK);
            assertThat(under.write(0, block(2))).isEqualTo(BlockStatus.IO_ERROR);
            assertThat(under.failed.get(20, TimeUnit.SECONDS)).isEqualTo("another's");
            assertThat(target.bytes[0]).isEqualTo((byte) 1);
            assertThat(target.connections).as("nothing is tried again").hasValue(2);
        }
    }

    @Test
    void givesUpWhenToldTo() throws Exception {
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ofSeconds(1), () -> at(target, 1)).open()) {
            target.die();
            assertThat(under.write(0, block(1))).isEqualTo(BlockStatus.IO_ERROR);
            assertThat(under.failed.get(20, TimeUnit.SECONDS)).contains("no access point");
        }
    }

    @Test
    void takesNoMoreThanItsLimits() throws Exception {
        fates.add(new Fate(0, Death.SILENCE));
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            var drained = new AtomicInteger();
            List<VolumeUnderTest.Request> submitted = new ArrayList<>();
            for (var number = 0; number < PendingRequests.MAX_REQUESTS; number++) {
                assertThat(under.onLoop(under.volume::canTakeMore)).isTrue();
                submitted.add(under.submit(BlockRequest.Kind.WRITE, (long) number * BLOCK, block(1)));
            }
            assertThat(under.onLoop(under.volume::canTakeMore)).isFalse();
            under.onLoop(() -> under.volume.onDrained(drained::incrementAndGet));
            under.answersProbes = false;
            submitted.forEach(request -> assertThat(request.await()).isEqualTo(BlockStatus.OK));
            assertThat(under.onLoop(under.volume::canTakeMore)).isTrue();
            assertThat(drained.get()).isEqualTo(1);
        }
    }

    @Test
    void tellsAllocationAsTheAccessPointDoes() throws Exception {
        fates.add(new Fate(0, Death.IN_REPLY));
        try (var target = target();
                var under = new VolumeUnderTest(Duration.ZERO, () -> at(target, 1)).open()) {
            var known = new java.util.concurrent.CountDownLatch(1);
            assertThat(under.onLoop(() -> under.volume.knowsAllocation(0, 8192, known::countDown)))
                    .isFalse();
            assertThat(known.await(20, TimeUnit.SECONDS)).isTrue();
            List<String> runs = new ArrayList<>();
            under.onLoop(() -> {
                assertThat(under.volume.knowsAllocation(0, 8192, () -> {})).isTrue();
                under.volume.allocation(
                        0, 8192, (offset, length, allocated) -> runs.add(offset + "+" + length + allocated));
            });
            assertThat(runs).containsExactly("0+4096true", "4096+4096false");
        }
    }
}
