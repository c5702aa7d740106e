package io.varve.dataplane.volume;

import io.varve.dataplane.replication.AttachSpec;
import io.varve.dataplane.replication.CopiesWanted;
import io.varve.dataplane.replication.Truth;
import io.varve.dataplane.time.Loop;
import io.varve.model.Redundancy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** The metadata group of a simulated cluster, for one volume: linearizable, sometimes slow, sometimes it loses its answer. */
final class SimulatedTruth {
    enum Phase {
        NEW,
        CREATED,
        LEAVING
    }

    /** A replica of a slab. */
    record Placed(AttachSpec.Copy copy, Phase phase) {
        Placed in(Phase next) {
            return new Placed(copy, next);
        }
    }

    private static final class Slab {
        int gen = 1;
        List<String> isr = List.of();
        final Map<String, Placed> replicas = new TreeMap<>();
    }

    /** What a node sees; each is newer than those before. */
    record View(
            int version,
            int epoch,
            int replicas,
            int minInSync,
            long copyLimit,
            long sizeBytes,
            List<Integer> gens,
            List<List<Placed>> slabs,
            List<List<String>> isrs) {
        /** What an access point of that epoch is told. */
        CopiesWanted wanted(long volume) {
            List<AttachSpec.Slab> told = new ArrayList<>();
            for (int i = 0; i < slabs.size(); i++) {
                told.add(new AttachSpec.Slab(i, gens.get(i), made(slabs.get(i)), isrs.get(i)));
            }
            return new CopiesWanted(volume, epoch, replicas, minInSync, copyLimit, true, sizeBytes, told);
        }
    }

    private final SplittableRandom random;
    private final List<Slab> slabs = new ArrayList<>();
    private int epoch;
    /** One of so many answers is lost, before or after it was applied; 0: none. */
    int losesOneIn;

    /** Nobody answers. */
    boolean isAway;

    /** It answers that it is there, but what it is asked to change is not carried out, and not answered. */
    boolean isStuck;

    /** What it is asked is carried out, but nobody hears its answers. */
    boolean isUnheard;

    int opens;

    int shrinks;

    int grows;

    int gone;

    int replicas;

    /** As somebody set it; 0: follows the replicas. */
    int fewest;

    /** Bytes a second; 0: none. */
    long copyLimit;

    private long sizeBytes;
    private int version;
    private long creations = 1_000;

    SimulatedTruth(long seed, AttachSpec template) {
        random = new SplittableRandom(seed);
        replicas = template.replicas();
        sizeBytes = template.sizeBytes();
        for (AttachSpec.Slab each : template.slabs()) {
            Slab slab = new Slab();
            slab.isr = each.isr();
            each.copies().forEach(copy -> slab.replicas.put(copy.group(), new Placed(copy, Phase.CREATED)));
            slabs.add(slab);
        }
    }

    int minInSync() {
        return Redundancy.minInSync(replicas, fewest);
    }

    View view() {
        return new View(
                ++version,
                epoch,
                replicas,
                minInSync(),
                copyLimit,
                sizeBytes,
                slabs.stream().map(slab -> slab.gen).toList(),
                slabs.stream().map(slab -> List.copyOf(slab.replicas.values())).toList(),
                slabs.stream().map(slab -> slab.isr).toList());
    }

    List<Placed> replicas(int slab) {
        return List.copyOf(slabs.get(slab).replicas.values());
    }

    /** PlaceCopies. */
    void place(int slab, String group, String address) {
        slabs.get(slab)
                .replicas
                .computeIfAbsent(group, g -> new Placed(new AttachSpec.Copy(group, creations++, address), Phase.NEW));
    }

    /** ResizeVolume, when the copies of the slabs that it adds have been made. */
    void grow(long newSizeBytes, List<AttachSpec.Slab> added) {
        sizeBytes = newSizeBytes;
        for (AttachSpec.Slab each : added) {
            Slab slab = new Slab();
            slab.isr = each.isr();
            each.copies().forEach(copy -> slab.replicas.put(copy.group(), new Placed(copy, Phase.CREATED)));
            slabs.add(slab);
        }
    }

    /** PlaceAnew: of a slab that was never open. */
    void placeAnew(int index, String from, String to, String address) {
        Slab slab = slabs.get(index);
        slab.replicas.computeIfPresent(from, (group, now) -> now.in(Phase.LEAVING));
        place(index, to, address);
        List<String> isr = new ArrayList<>(slab.isr);
        isr.set(isr.indexOf(from), to);
        slab.isr = List.copyOf(isr);
        slab.gen++;
    }

    /** RegisterGroup: the group is reached elsewhere. */
    void moved(String group, String address) {
        for (Slab slab : slabs) {
            slab.replicas.computeIfPresent(
                    group,
                    (g, now) -> new Placed(new AttachSpec.Copy(group, now.copy.creationId(), address), now.phase));
        }
    }

    /** ReplicasCreated. */
    void created(int slab, AttachSpec.Copy copy) {
        slabs.get(slab)
                .replicas
                .computeIfPresent(
                        copy.group(),
                        (group, now) -> now.copy.creationId() == copy.creationId() && now.phase == Phase.NEW
                                ? now.in(Phase.CREATED)
                                : now);
    }

    /** RetireCopies; false if too few would stay. */
    boolean retire(int slab, String group) {
        Slab of = slabs.get(slab);
        long staying = of.isr.stream()
                .filter(each -> !each.equals(group))
                .filter(each -> java.util.Objects.requireNonNull(of.replicas.get(each)).phase == Phase.CREATED)
                .count();
        if (staying < (of.isr.contains(group) ? minInSync() : 1)) {
            return false;
        }
        of.replicas.computeIfPresent(group, (g, now) -> now.in(Phase.LEAVING));
        return true;
    }

    /** ReplicasDeleted. */
    void deleted(int slab, AttachSpec.Copy copy) {
        Slab of = slabs.get(slab);
        Placed now = of.replicas.get(copy.group());
        if (now != null && now.copy.creationId() == copy.creationId() && now.phase == Phase.LEAVING) {
            if (of.isr.contains(copy.group())) {
                throw new AssertionError("deleted while it is in the set: " + copy);
            }
            of.replicas.remove(copy.group());
            gone++;
        }
    }

    private static List<AttachSpec.Copy> made(List<Placed> replicas) {
        return replicas.stream()
                .filter(each -> each.phase != Phase.NEW)
                .map(each -> new AttachSpec.Copy(
                        each.copy.group(),
                        each.copy.creationId(),
                        each.copy.peerAddress(),
                        each.phase == Phase.LEAVING))
                .toList();
    }

    private boolean isAdmissible(Slab slab, List<String> isr) {
        for (String group : isr) {
            Placed placed = slab.replicas.get(group);
            boolean mayBeIn = placed != null
                    && (placed.phase == Phase.CREATED || (placed.phase == Phase.LEAVING && slab.isr.contains(group)));
            if (!mayBeIn) {
                return false;
            }
        }
        return isr.size() >= minInSync() || (!isr.isEmpty() && isr.containsAll(slab.isr));
    }

    int epoch() {
        return epoch;
    }

    List<String> isr(int slab) {
        return slabs.get(slab).isr;
    }

    /** ATTACH: the next epoch, with the sets as they are now. */
    AttachSpec attach(AttachSpec template) {
        epoch++;
        List<AttachSpec.Slab> now = new ArrayList<>();
        for (int i = 0; i < slabs.size(); i++) {
            Slab slab = slabs.get(i);
            now.add(new AttachSpec.Slab(i, slab.gen, made(replicas(i)), slab.isr));
        }
        return new AttachSpec(
                template.volume(), template.name(), sizeBytes, replicas, minInSync(), epoch, 0, "attach-" + epoch, now);
    }

    Truth on(Loop loop) {
        return new Truth() {
            @Override
            public void open(long volume, int ofEpoch, List<SlabOpen> asked, OpenCallback callback) {
                List<SlabIsr> sets = asked.stream()
                        .map(each -> new SlabIsr(each.index(), each.gen(), each.isr()))
                        .toList();
                opens += asked.size();
                compareAndSet(loop, ofEpoch, sets, callback);
            }

            @Override
            public void changeIsr(long volume, int ofEpoch, List<SlabIsr> asked, OpenCallback callback) {
                compareAndSet(loop, ofEpoch, asked, callback);
            }
        };
    }

    private void compareAndSet(Loop loop, int ofEpoch, List<Truth.SlabIsr> asked, Truth.OpenCallback callback) {
        loop.schedule(random.nextLong(100_000, 2_000_000), () -> {
            boolean lost = isUnheard || (losesOneIn > 0 && random.nextInt(losesOneIn) == 0);
            if (isAway || (isStuck && !asked.isEmpty()) || (lost && !isUnheard && random.nextBoolean())) {
                callback.done(Truth.Outcome.UNKNOWN, List.of(), "timed out");
                return;
            }
            if (ofEpoch != epoch) {
                callback.done(Truth.Outcome.STALE_EPOCH, List.of(), "");
                return;
            }
            List<Truth.SlabOpened> answers = new ArrayList<>();
            for (Truth.SlabIsr each : asked) {
                Slab slab = slabs.get(each.index());
                boolean isCurrent = slab.gen == each.gen();
                if (isCurrent && !isAdmissible(slab, each.isr())) {
                    answers.add(new Truth.SlabOpened(each.index(), Truth.Outcome.REFUSED, slab.gen, slab.isr));
                    continue;
                }
                if (isCurrent) {
                    slab.gen++;
                    shrinks += each.isr().size() < slab.isr.size() ? 1 : 0;
                    grows += each.isr().size() > slab.isr.size() ? 1 : 0;
                    slab.isr = each.isr();
                }
                answers.add(new Truth.SlabOpened(
                        each.index(), isCurrent ? Truth.Outcome.OK : Truth.Outcome.STALE_GEN, slab.gen, slab.isr));
            }
            if (lost) {
                callback.done(Truth.Outcome.UNKNOWN, List.of(), "timed out");
            } else {
                callback.done(Truth.Outcome.OK, answers, "");
            }
        });
    }
}
