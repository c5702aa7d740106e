package io.varve.control.raft;

import io.varve.control.meta.Outcome;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Who waits for the truth to change. A waiter names a node, or {@link #ANY}, and the index up to which it has seen
 * everything; its future completes, on Ratis' updater thread or at once, when something that concerns it was applied after
 * that. After a start the whole past counts as one change at the index that was loaded. Safe from any thread.
 */
public final class Changes implements MetaMachine.Listener {
    /** The topic of those who care about every change. */
    public static final String ANY = "";

    /** The topic of those who wait for events; no node can bear that name. */
    public static final String EVENTS = "events:";

    /** Two for each of a few hundred nodes, and as many people who wait for an attach. */
    static final int MAX_WAITERS = 1_024;

    private final Map<String, Long> newest = new HashMap<>();
    private final List<Waiter> waiters = new ArrayList<>();
    private final RecentVolumes volumes = new RecentVolumes();
    private long newestForAll = -1;
    private long applied = -1;

    /**
     * What a view of an index lacks.
     *
     * @param index up to which nothing else changed
     * @param volumes that changed, whomever they concern
     */
    public record Since(long index, Set<Long> volumes) {
        public Since {
            volumes = Set.copyOf(volumes);
        }
    }

    private record Waiter(String topic, long after, CompletableFuture<Long> future) {}

    /**
     * Waits for a change.
     *
     * @param topic a node's name, or {@link #ANY}
     * @param after the index that the caller has seen
     * @return completes with an index that the local state has reached; cancel it to wait no longer. Empty: too many wait
     *     already
     */
    public Optional<CompletableFuture<Long>> newerThan(String topic, long after) {
        synchronized (this) {
            if (newest(topic) > after) {
                return Optional.of(CompletableFuture.completedFuture(applied));
            }
            waiters.removeIf(waiter -> waiter.future.isDone());
            if (waiters.size() >= MAX_WAITERS) {
                return Optional.empty();
            }
            CompletableFuture<Long> future = new CompletableFuture<>();
            waiters.add(new Waiter(topic, after, future));
            return Optional.of(future);
        }
    }

    /** The index that the local state has reached; -1: none yet. */
    public synchronized long applied() {
        return applied;
    }

    /** The index of the newest change that concerns the topic, as far as this member knows. */
    public synchronized long newest(String topic) {
        return Math.max(newestForAll, newest.getOrDefault(topic, -1L));
    }

    /**
     * What changed after an index. The state that is read before or after may hold less or more than that: the lower of the two indexes counts.
     *
     * @return empty: everything may have, or this member does not know
     */
    public synchronized Optional<Since> since(long after) {
        return after < newestForAll || after > applied
                ? Optional.empty()
                : volumes.changedAfter(after).map(changed -> new Since(applied, changed));
    }

    @Override
    public void applied(long index, Outcome outcome, List<byte[]> touched) {
        List<Waiter> woken;
        synchronized (this) {
            applied = index;
            volumes.touched(index, touched);
            if (outcome.concernsAll()) {
                newestForAll = index;
            }
            if (outcome.concernsAll() || !outcome.concerned().isEmpty()) {
                newest.put(ANY, index);
            }
            outcome.concerned().forEach(node -> newest.put(node, index));
            if (outcome.hasNews()) {
                newest.put(EVENTS, index);
            }
            woken = takeReady();
        }
        woken.forEach(waiter -> waiter.future.complete(index));
    }

    @Override
    public void loaded(long index) {
        List<Waiter> woken;
        synchronized (this) {
            applied = index;
            newestForAll = index;
            volumes.loaded(index);
            woken = takeReady();
        }
        woken.forEach(waiter -> waiter.future.complete(index));
    }

    private List<Waiter> takeReady() {
        List<Waiter> ready = new ArrayList<>();
        for (Iterator<Waiter> i = waiters.iterator(); i.hasNext(); ) {
            Waiter waiter = i.next();
            if (newest(waiter.topic) > waiter.after) {
                i.remove();
                ready.add(waiter);
            }
        }
        return ready;
    }
}
