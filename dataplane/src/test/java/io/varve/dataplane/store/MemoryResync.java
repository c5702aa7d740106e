package io.varve.dataplane.store;

import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** The return of a copy in a {@link MemoryStore}: every record counts as applied once it is durable and known to be committed. */
final class MemoryResync {
    private final Loop loop;
    private final MemoryDisk disk;
    private final Map<Long, StreamState> states;
    private final SplittableRandom random;
    private final Map<Long, Integer> changing = new HashMap<>();
    private final List<Runnable> waiting = new ArrayList<>();

    MemoryResync(Loop loop, MemoryDisk disk, Map<Long, StreamState> states, SplittableRandom random) {
        this.loop = loop;
        this.disk = disk;
        this.states = states;
        this.random = random;
    }

    boolean isChanging(long stream) {
        return changing.getOrDefault(stream, 0) > 0;
    }

    /** A frame is durable. */
    void landed() {
        List<Runnable> now = new ArrayList<>(waiting);
        waiting.clear();
        now.forEach(Runnable::run);
    }

    /** As long as a checkpoint takes that has little to do. */
    private void afterCheckpoint(Runnable then) {
        loop.schedule(random.nextLong(1_000_000, 20_000_000), then);
    }

    private MemoryDisk.@Nullable Stream durable(long stream) {
        return states.containsKey(stream) ? disk.streams.get(stream) : null;
    }

    void prepare(long stream, ReplicaStore.PrepareCallback told) {
        changing.merge(stream, 1, Integer::sum);
        cutWhenDurable(stream, told);
    }

    private void cutWhenDurable(long stream, ReplicaStore.PrepareCallback told) {
        StreamState state = states.get(stream);
        if (state != null && state.durableSeq < state.lastSeq) {
            waiting.add(() -> cutWhenDurable(stream, told));
            return;
        }
        if (state != null) {
            // As it is while the TRUNCATE is under way.
            state.lastSeq = Math.min(state.commitSeq, state.durableSeq);
        }
        afterCheckpoint(() -> {
            changing.merge(stream, -1, Integer::sum);
            MemoryDisk.Stream durable = durable(stream);
            if (state == null || durable == null) {
                told.done(StoreStatus.NOT_MEMBER, 0);
                return;
            }
            durable.cut(Math.min(state.commitSeq, state.durableSeq));
            durable.commitSeq = Math.max(durable.commitSeq, durable.lastSeq);
            state.lastSeq = durable.lastSeq;
            state.lastEpoch = durable.lastEpoch;
            state.durableSeq = durable.lastSeq;
            durable.appliedSeq = durable.lastSeq;
            state.appliedSeq = durable.lastSeq;
            told.done(StoreStatus.OK, durable.lastSeq);
        });
    }

    void newer(long stream, long aboveSeq, ReplicaStore.ExtentsCallback told) {
        loop.schedule(random.nextLong(10_000, 200_000), () -> {
            MemoryDisk.Stream durable = durable(stream);
            if (durable == null || durable.session != 0) {
                told.done(durable == null ? StoreStatus.NOT_MEMBER : StoreStatus.NOT_READY, null);
                return;
            }
            BitSet extents = new BitSet();
            durable.content.forEach((block, version) -> {
                if (version.seq() > aboveSeq) {
                    extents.set(block / Geometry.BLOCKS_PER_EXTENT);
                }
            });
            durable.copied.forEach((extent, seq) -> {
                if (seq > aboveSeq) {
                    extents.set(extent);
                }
            });
            told.done(StoreStatus.OK, extents);
        });
    }

    void join(long stream, long session, long joinSeq, int lastEpoch, BitSet newer, ReplicaStore.ExtentsCallback told) {
        changing.merge(stream, 1, Integer::sum);
        BitSet todo = (BitSet) newer.clone();
        afterCheckpoint(() -> {
            changing.merge(stream, -1, Integer::sum);
            StreamState state = states.get(stream);
            MemoryDisk.Stream durable = durable(stream);
            if (state == null || durable == null) {
                told.done(StoreStatus.NOT_MEMBER, null);
                return;
            }
            if (session == 0
                    || state.lastSeq != state.appliedSeq
                    || joinSeq <= state.lastSeq
                    || joinSeq <= state.commitSeq) {
                told.done(StoreStatus.NOT_READY, null);
                return;
            }
            todo.or(durable.undone());
            durable.todo.clear();
            durable.todo.or(todo);
            durable.done.clear();
            durable.session = session;
            durable.log.clear();
            durable.lastSeq = joinSeq - 1;
            durable.commitSeq = joinSeq - 1;
            durable.lastEpoch = lastEpoch;
            durable.epochBeforeLog = lastEpoch;
            state.session = session;
            state.lastSeq = joinSeq - 1;
            state.lastEpoch = lastEpoch;
            state.durableSeq = joinSeq - 1;
            state.commitSeq = joinSeq - 1;
            durable.appliedSeq = joinSeq - 1;
            state.appliedSeq = joinSeq - 1;
            told.done(StoreStatus.OK, todo);
        });
    }

    void finish(long stream, long session, long commitSeq, ReplicaStore.StatusCallback told) {
        StreamState asked = states.get(stream);
        if (asked != null && asked.session == session && commitSeq <= asked.lastSeq) {
            asked.commitSeq = Math.max(asked.commitSeq, commitSeq);
        }
        afterCheckpoint(() -> {
            StreamState state = states.get(stream);
            MemoryDisk.Stream durable = durable(stream);
            if (state == null || durable == null || durable.session == 0 || durable.session != session) {
                told.done(StoreStatus.NOT_MEMBER);
                return;
            }
            boolean isCertain = durable.done.isEmpty() || durable.done.lastKey() <= state.commitSeq;
            if (commitSeq > state.lastSeq || !isCertain || !durable.undone().isEmpty()) {
                told.done(StoreStatus.NOT_READY);
                return;
            }
            durable.session = 0;
            durable.todo.clear();
            durable.done.clear();
            durable.commitSeq = Math.max(durable.commitSeq, Math.min(state.commitSeq, durable.lastSeq));
            state.session = 0;
            told.done(StoreStatus.OK);
        });
    }
}
