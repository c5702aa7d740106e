package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.model.Geometry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.NullUnmarked;

/**
 * Drives a store with random records, reads, commits, truncations, checkpoints and crashes, and compares it with a plain map. A block's stamp
 * is the seq and epoch that wrote it.
 */
@NullUnmarked
final class StoreModel {
    private final StoreRig rig;
    private final SplittableRandom random;
    private final Map<Long, Stream> streams = new HashMap<>();
    private final List<Long> ids = new ArrayList<>();
    private final int blocks;
    long operations;
    long refused;
    long restarts;

    private static final class Stream {
        final long id;
        /** By block: seq to stamp; 0 is zeros. */
        final Map<Integer, TreeMap<Long, Long>> history = new HashMap<>();

        long lastSeq;
        long acknowledged;
        long committed;
        int epoch = 1;
        final ArrayDeque<TestRecord> inFlight = new ArrayDeque<>();

        Stream(long id) {
            this.id = id;
        }

        long expected(int block) {
            TreeMap<Long, Long> versions = history.get(block);
            return versions == null || versions.isEmpty()
                    ? 0
                    : versions.lastEntry().getValue();
        }

        void put(int block, int count, long seq, long stamp) {
            for (int b = block; b < block + count; b++) {
                history.computeIfAbsent(b, none -> new TreeMap<>()).put(seq, stamp);
            }
        }

        void cut(long seq) {
            history.values().forEach(versions -> versions.tailMap(seq, false).clear());
            lastSeq = seq;
        }

        void forgetBelow(long seq) {
            history.values().forEach(versions -> {
                Long newest = versions.floorKey(seq);
                if (newest != null) {
                    versions.headMap(newest, false).clear();
                }
            });
        }
    }

    StoreModel(StoreRig rig, int streamCount, int blocks) {
        this.rig = rig;
        this.blocks = blocks;
        random = rig.scheduler.newRandom();
        for (int i = 0; i < streamCount; i++) {
            long id = (long) (100 + i) << 16;
            rig.create(id, blocks);
            streams.put(id, new Stream(id));
            ids.add(id);
        }
    }

    private Stream anyStream() {
        return streams.get(ids.get(random.nextInt(ids.size())));
    }

    void run(long steps) {
        for (long i = 0; i < steps; i++) {
            step();
        }
        settle();
        verifyAll();
    }

    private void step() {
        operations++;
        int dice = random.nextInt(1000);
        if (dice < 500) {
            append(anyStream());
        } else if (dice < 700) {
            verifySome(anyStream());
        } else if (dice < 900) {
            rig.scheduler.runFor(random.nextLong(2_000_000));
        } else if (dice < 960) {
            commitSome(anyStream());
        } else if (dice < 975) {
            truncate(anyStream());
        } else if (dice < 985) {
            rig.scheduler.runFor(random.nextLong(8_000_000_000L));
        } else if (dice < 996) {
            settle();
        } else {
            restart();
        }
    }

    private void append(Stream stream) {
        long seq = stream.lastSeq + 1;
        int kind = random.nextInt(100);
        int count = size();
        int block = place(count);
        TestRecord record;
        if (kind < 85) {
            int room = Geometry.BLOCKS_PER_EXTENT - block % Geometry.BLOCKS_PER_EXTENT;
            record = StoreRig.write(stream.id, seq, block, Math.min(count, room), stamp(stream, seq));
        } else {
            int many = random.nextInt(4) == 0 ? Math.min(blocks - block, 1 + random.nextInt(1000)) : count;
            record = new TestRecord(stream.id, kind < 92 ? Op.ZERO : Op.UNMAP, seq, block, many);
        }
        record.epoch = stream.epoch;
        record.commitSeq = random.nextBoolean() ? stream.committed : 0;
        boolean[] accepted = new boolean[1];
        boolean[] asked = new boolean[1];
        rig.run(() -> {
            rig.group().append(record);
            accepted[0] = rig.group().stream(stream.id).lastSeq() == seq;
            asked[0] = true;
        });
        rig.await(() -> asked[0]);
        if (!accepted[0]) {
            refused++;
            rig.await(() -> record.status != null);
            assertThat(record.status).as("seed %d", rig.scheduler.seed()).isEqualTo(StoreStatus.NO_SPACE);
            return;
        }
        stream.lastSeq = seq;
        stream.put(block, record.count, seq, record.op == Op.WRITE ? stamp(stream, seq) : 0);
        stream.inFlight.add(record);
        int epoch = stream.epoch;
        record.then = () -> {
            assertThat(record.status).isEqualTo(StoreStatus.OK);
            assertThat(stream.inFlight.remove()).isSameAs(record);
            if (stream.epoch == epoch) {
                stream.acknowledged = seq;
            }
        };
    }

    private long stamp(Stream stream, long seq) {
        return (long) stream.epoch << 40 | seq;
    }

    private int size() {
        return switch (random.nextInt(8)) {
            case 0, 1, 2, 3 -> 1;
            case 4, 5 -> 1 + random.nextInt(8);
            case 6 -> 1 + random.nextInt(64);
            default -> random.nextBoolean() ? 256 : 1 + random.nextInt(256);
        };
    }

    /** Half of it hits a hot spot, so that blocks are overwritten while they are in the journal. */
    private int place(int count) {
        int within = random.nextBoolean() ? Math.min(blocks, 600) : blocks;
        int block = random.nextInt(Math.max(1, within - count));
        return random.nextInt(3) == 0 ? block & -16 : block;
    }

    private void commitSome(Stream stream) {
        if (stream.acknowledged > stream.committed) {
            stream.committed = random.nextInt(3) == 0
                    ? stream.acknowledged
                    : stream.committed + 1 + random.nextLong(stream.acknowledged - stream.committed);
            long seq = stream.committed;
            rig.run(() -> rig.group().commit(stream.id, seq));
            stream.forgetBelow(seq);
        }
    }

    private void truncate(Stream stream) {
        settle();
        if (stream.lastSeq == stream.committed) {
            return;
        }
        long to = stream.committed + random.nextLong(stream.lastSeq - stream.committed + 1);
        TestRecord record = new TestRecord(stream.id, Op.TRUNCATE, to, 0, 0);
        stream.cut(to);
        stream.acknowledged = to;
        stream.epoch++;
        assertThat(rig.append(record)).isEqualTo(StoreStatus.OK);
    }

    /** Waits until everything appended is durable. */
    void settle() {
        rig.await(() -> streams.values().stream().allMatch(stream -> stream.inFlight.isEmpty()));
    }

    private void verifySome(Stream stream) {
        int count = size();
        int block = place(count);
        int room = Geometry.BLOCKS_PER_EXTENT - block % Geometry.BLOCKS_PER_EXTENT;
        verify(stream, block, Math.min(Math.min(count, room), blocks - block));
    }

    /** Compares blocks that no record in flight touches. */
    private void verify(Stream stream, int block, int count) {
        if (!stream.inFlight.isEmpty()) {
            if (random.nextBoolean()) {
                return;
            }
            rig.await(stream.inFlight::isEmpty);
        }
        long[] found = rig.stamps(stream.id, block, count);
        for (int i = 0; i < count; i++) {
            assertThat(found[i])
                    .as("block %d of stream %d, seed %d", block + i, stream.id, rig.scheduler.seed())
                    .isEqualTo(stream.expected(block + i));
        }
    }

    void verifyAll() {
        for (Stream stream : streams.values()) {
            for (int block = 0; block < blocks; block += Geometry.BLOCKS_PER_EXTENT) {
                verify(stream, block, Math.min(Geometry.BLOCKS_PER_EXTENT, blocks - block));
            }
        }
    }

    private void restart() {
        restarts++;
        if (random.nextInt(5) == 0) {
            settle();
            rig.close();
        } else {
            rig.crash(random.nextBoolean());
        }
        rig.open();
        recovered();
    }

    /** Whatever was acknowledged is there; what was not may be; nothing else is. */
    void recovered() {
        for (Stream stream : streams.values()) {
            stream.inFlight.clear();
            StreamState state = rig.group().stream(stream.id);
            assertThat(state).isNotNull();
            assertThat(state.lastSeq())
                    .as("seed %d", rig.scheduler.seed())
                    .isBetween(stream.acknowledged, stream.lastSeq);
            assertThat(state.durableSeq()).isEqualTo(state.lastSeq());
            assertThat(state.commitSeq()).isLessThanOrEqualTo(stream.committed);
            assertThat(state.suspectFromSeq()).isEqualTo(Long.MAX_VALUE);
            stream.cut(state.lastSeq());
            stream.acknowledged = state.lastSeq();
        }
    }
}
