package io.varve.control.membership;

import com.google.protobuf.InvalidProtocolBufferException;
import com.hazelcast.core.HazelcastException;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Volume;
import io.varve.api.membership.ViewHeadRecord;
import io.varve.api.membership.ViewRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/**
 * The placement view as a node reads it: a copy of the truth that may be old, or not there. An entry is used only if it holds what the asker knows
 * already; in every other case the answer is "nothing", and the metadata group is to be asked. Safe from any thread.
 */
public final class PlacementView {
    /** A hit of the near cache takes microseconds, another member a millisecond. Who hangs is not waited for. */
    private static final Duration LOOK = Duration.ofMillis(200);

    private final Supplier<Optional<HazelcastMember>> member;
    private final LongAdder hits = new LongAdder();
    private final LongAdder old = new LongAdder();
    private final LongAdder missing = new LongAdder();

    PlacementView(Supplier<Optional<HazelcastMember>> member) {
        this.member = member;
    }

    /**
     * Everything that the view holds, for people when nobody else can be asked: parts may be of different moments.
     *
     * @param index the head's: up to where the view was written
     */
    public record All(long index, List<Node> nodes, List<DiskGroup> groups, List<Volume> volumes) {}

    /** A volume, and up to which index its entry is right. */
    public record Found(Volume volume, long index) {}

    /**
     * The volume of that name, if the view has it as new as that.
     *
     * @param atLeast index of what the asker has seen of it
     */
    public CompletableFuture<Optional<Found>> volume(String name, long atLeast) {
        Optional<HazelcastMember> there = member.get();
        if (there.isEmpty()) {
            return CompletableFuture.completedFuture(Optional.empty());
        }
        try {
            return there.get()
                    .view()
                    .read(ViewPlan.placeOfVolume(name))
                    .toCompletableFuture()
                    .orTimeout(LOOK.toMillis(), TimeUnit.MILLISECONDS)
                    .thenApply(content -> usable(content.flatMap(PlacementView::record), atLeast))
                    .exceptionally(failure -> Optional.empty());
        } catch (HazelcastException | IllegalStateException e) {
            return CompletableFuture.completedFuture(Optional.empty()); // It stops.
        }
    }

    private Optional<Found> usable(Optional<ViewRecord> entry, long atLeast) {
        if (entry.isEmpty() || !entry.get().hasVolume()) {
            missing.increment();
            return Optional.empty();
        }
        if (!isNewEnough(entry.get(), atLeast)) {
            old.increment();
            return Optional.empty();
        }
        hits.increment();
        return Optional.of(new Found(entry.get().getVolume(), entry.get().getIndex()));
    }

    /** The rule for every use of an entry. */
    static boolean isNewEnough(ViewRecord entry, long atLeast) {
        return entry.getIndex() >= atLeast;
    }

    /** Reads all of it; waits for the members that hold it. Empty when there is none. */
    public Optional<All> all() {
        Optional<HazelcastMember> there = member.get();
        if (there.isEmpty()) {
            return Optional.empty();
        }
        try {
            SealedMap map = there.get().view();
            Optional<ViewHeadRecord> head = map.current(ViewPlan.HEAD).flatMap(PlacementView::head);
            List<Node> nodes = new ArrayList<>();
            List<DiskGroup> groups = new ArrayList<>();
            List<Volume> volumes = new ArrayList<>();
            Map<String, byte[]> entries = map.all();
            entries.remove(ViewPlan.HEAD);
            for (byte[] content : entries.values()) {
                record(content).ifPresent(entry -> {
                    switch (entry.getWhatCase()) {
                        case NODE -> nodes.add(entry.getNode());
                        case GROUP -> groups.add(entry.getGroup());
                        case VOLUME -> volumes.add(entry.getVolume());
                        case GONE, WHAT_NOT_SET -> {}
                    }
                });
            }
            return head.map(found -> new All(found.getIndex(), nodes, groups, volumes));
        } catch (HazelcastException | IllegalStateException e) {
            return Optional.empty();
        }
    }

    static Optional<ViewRecord> record(byte[] content) {
        try {
            return Optional.of(ViewRecord.parseFrom(content));
        } catch (InvalidProtocolBufferException e) {
            return Optional.empty(); // Of a later version.
        }
    }

    static Optional<ViewHeadRecord> head(byte[] content) {
        try {
            return Optional.of(ViewHeadRecord.parseFrom(content));
        } catch (InvalidProtocolBufferException e) {
            return Optional.empty();
        }
    }

    /** Entries used, refused because they were old, not found. */
    public record Uses(long hits, long old, long missing) {}

    public Uses uses() {
        return new Uses(hits.sum(), old.sum(), missing.sum());
    }
}
