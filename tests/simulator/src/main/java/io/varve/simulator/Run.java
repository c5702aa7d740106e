package io.varve.simulator;

import io.varve.api.Slab;
import io.varve.api.SlabOpened;
import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.Outcome;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.replication.Verification;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.model.Geometry;
import io.varve.model.StreamId;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One cluster from its first start to the last comparison: opened, used while things go wrong, healed, used again, looked through. Everything follows
 * from the seed and from which of its faults are left in.
 */
final class Run {
    private static final long SECOND = Cluster.SECOND;
    private static final long MILLI = 1_000_000L;

    /** From the first start to an open volume, where nothing goes wrong. */
    private static final long START_LIMIT = 30 * SECOND;

    /**
     * From the end of the faults to a volume whose copies are all in sync: leases (5 s), pauses between attaches (8 s) and between tries of a return (30 s)
     * may follow one another.
     */
    private static final long HEALING_LIMIT = 120 * SECOND;

    /** Each client is answered within this once the volume is healthy: some ask an access point that is old, and lose patience after 12 s. */
    private static final long ANSWER_LIMIT = 15 * SECOND;

    private static final long LOOK_NANOS = 50 * MILLI;

    /** If nobody serves the volume for so long, somebody moves it to a node that runs. */
    private static final long MOVE_AWAY_NANOS = 6 * SECOND;

    private final Scenario scenario;
    private final List<Fault> faults;
    private final Predicate<Fault> isLeftIn;
    private final Cluster cluster;
    private final Layout layout;
    private final History history;
    private final Invariants invariants;
    private final Strike strike;
    private final List<Client> clients = new ArrayList<>();
    private final Filler filler;
    private boolean isDisturbed = true;
    private long unservedSince;

    /**
     * How it ended.
     *
     * @param rule what was broken; null if nothing
     * @param digest the same whenever the same seed runs
     */
    record Result(
            @Nullable String rule,
            String what,
            String scenario,
            List<Fault> faults,
            long digest,
            long simulatedNanos,
            long answered,
            int unjudged) {
        boolean isSound() {
            return rule == null;
        }
    }

    private Run(long seed, NodeDisk.Blank blank, Predicate<Fault> isLeftIn, @Nullable Consumer<String> reader) {
        SplittableRandom random = new SplittableRandom(seed);
        this.scenario = Scenario.of(random.split());
        this.faults = Fault.draw(scenario, random.split());
        this.isLeftIn = isLeftIn;
        this.cluster = new Cluster(random.nextLong(), scenario, blank, reader, this::committed, this::died);
        this.layout = new Layout(scenario, cluster.sizeBytes());
        this.history = new History(layout, scenario.slabs());
        this.filler = new Filler(cluster, layout, history);
        this.invariants = new Invariants(cluster);
        this.strike = new Strike(cluster, place -> {
            throw new Violation("copies are equal", place);
        });
    }

    /** {@code isLeftIn}: faults that shall happen; {@code reader}: gets the trace, null: nobody. */
    static Result of(long seed, NodeDisk.Blank blank, Predicate<Fault> isLeftIn, @Nullable Consumer<String> reader) {
        Buffers.Noted buffers = Buffers.note();
        Run run = new Run(seed, blank, isLeftIn, reader);
        try {
            run.run();
            return run.result(null, "", run.history.judge());
        } catch (Violation violation) {
            return run.result(violation.rule(), String.valueOf(violation.getMessage()), 0);
        } catch (RuntimeException | AssertionError bug) {
            // The code under test checks itself: an invariant of its own, or an exception that nobody expected.
            StringBuilder where = new StringBuilder(bug.toString());
            for (int i = 0; i < Math.min(12, bug.getStackTrace().length); i++) {
                where.append("\n        at ").append(bug.getStackTrace()[i]);
            }
            return run.result("the code found out itself: " + bug.getClass().getSimpleName(), where.toString(), 0);
        } finally {
            buffers.close();
        }
    }

    private Result result(@Nullable String rule, String what, int unjudged) {
        return new Result(
                rule,
                what,
                scenario.toString(),
                faults.stream().filter(isLeftIn).toList(),
                cluster.trace.digest() * 31 + history.size(),
                cluster.scheduler.nanos(),
                history.answered(),
                unjudged);
    }

    private void run() {
        cluster.start();
        await("the volume opens", START_LIMIT, () -> cluster.served() != null);
        use();
        disturb();
        heal();
        lookThrough();
    }

    private void use() {
        cluster.metadata.losesOneIn = scenario.lossyTruth() ? Strike.USUALLY_LOSES_ONE_IN : 0;
        for (int i = 0; i < scenario.clients(); i++) {
            Client client = new Client(cluster, layout, history);
            clients.add(client);
            client.start();
        }
        if (scenario.isTight()) {
            filler.start();
        }
        cluster.world.execute(this::look);
    }

    private void disturb() {
        for (Fault fault : faults) {
            if (isLeftIn.test(fault)) {
                cluster.world.schedule(fault.nanos(), () -> strike.strike(fault));
            }
        }
        cluster.scheduler.runFor(scenario.disturbedNanos());
    }

    private void heal() {
        cluster.trace.note(6, () -> "everything works again");
        isDisturbed = false;
        strike.endAll();
        // A process that was stopped cannot be had to go on earlier: time counts from there.
        await(
                "no process is paused",
                HEALING_LIMIT,
                () -> cluster.nodes.stream().allMatch(Node::runs));
        // A move that nobody waits for any more may still be carried out.
        await("the metadata group comes to rest", HEALING_LIMIT, cluster.metadata::isQuiet);
        strike.endOrders();
        await("the volume is whole again", HEALING_LIMIT, cluster::isHealthy);
        await("what was filled is given back", HEALING_LIMIT, filler::isEmpty);
        cluster.trace.note(7, () -> "healthy");
        long[] before = clients.stream().mapToLong(Client::answered).toArray();
        await("every client goes on", ANSWER_LIMIT + 2 * scenario.thinkNanos(), () -> {
            for (int i = 0; i < before.length; i++) {
                if (clients.get(i).answered() == before[i]) {
                    return false;
                }
            }
            return true;
        });
        clients.forEach(Client::stop);
        filler.stop();
        await(
                "every request is answered",
                ANSWER_LIMIT,
                () -> filler.isIdle() && clients.stream().allMatch(Client::isIdle));
        await("the volume stays whole", HEALING_LIMIT, cluster::isHealthy);
    }

    // ------------------------------------------------------------------------------------------------ all along

    private void look() {
        invariants.check();
        cluster.look();
        if (cluster.returnsNow()) {
            cluster.hurry();
        }
        if (cluster.served() != null) {
            unservedSince = 0;
        } else if (unservedSince == 0) {
            unservedSince = cluster.scheduler.nanos();
        } else if (isDisturbed && cluster.scheduler.nanos() - unservedSince > MOVE_AWAY_NANOS) {
            unservedSince = 0;
            List<Node> running = cluster.nodes.stream().filter(Node::runs).toList();
            if (!running.isEmpty()) {
                cluster.move(running.get(cluster.random.nextInt(running.size())));
            }
        }
        cluster.world.schedule(LOOK_NANOS, this::look);
    }

    private void committed(MetaCommand command, Outcome outcome) {
        if (outcome.result().isOk()) {
            invariants.committed(command);
            strike.committed(command);
        }
        if (command instanceof MetaCommand.Open open && outcome.result().isOk()) {
            cluster.hurry();
            for (SlabOpened slab : outcome.result().slabs()) {
                if (slab.getCode() == TruthCode.TRUTH_OK) {
                    history.opened(slab.getIndex(), open.epoch());
                }
            }
        }
    }

    private void died(Node.Life life) {
        clients.forEach(client -> client.died(life));
        filler.died(life);
    }

    private void await(String what, long limitNanos, BooleanSupplier isSo) {
        long end = cluster.scheduler.nanos() + limitNanos;
        while (!isSo.getAsBoolean()) {
            if (cluster.scheduler.nanos() >= end) {
                throw new Violation(
                        "liveness: " + what, "not within " + limitNanos / SECOND + " s; " + cluster.describe());
            }
            cluster.scheduler.runFor(LOOK_NANOS);
        }
    }

    // ------------------------------------------------------------------------------------------------ the end

    private void lookThrough() {
        SlabVolume open = java.util.Objects.requireNonNull(cluster.served());
        Node.Life life = java.util.Objects.requireNonNull(cluster.lifeOf(open));
        for (Layout.Area area : layout.all) {
            Client reader = clients.getFirst();
            long before = reader.answered();
            reader.read(open, life, area);
            await("the end is read", ANSWER_LIMIT, () -> reader.answered() > before);
        }
        // What is committed is told, and moved below, before the copies are compared.
        cluster.scheduler.runFor(SECOND);
        if (scenario.slabs() == 1) {
            // The other volumes are too large to be looked through extent by extent.
            if (cluster.wasDamaged) {
                compare(open);
            }
            List<String> differ = compare(open);
            if (!differ.isEmpty()) {
                throw new Violation("copies are equal", differ.toString());
            }
        }
        compareDigests();
        invariants.check();
    }

    /** As varve volume verify: what is damaged is repaired. */
    private List<String> compare(SlabVolume open) {
        List<String> found = new ArrayList<>();
        List<String> ended = new ArrayList<>();
        open.loop()
                .execute(() -> open.verify(new Verification.Listener() {
                    @Override
                    public void compared(long done, long total, Verification.Finding finding) {
                        found.addAll(finding.places());
                    }

                    @Override
                    public void finished(String failure) {
                        ended.add(failure);
                    }
                }));
        await("the copies are compared", HEALING_LIMIT, () -> !ended.isEmpty());
        if (!ended.getFirst().isEmpty()) {
            throw new Violation("the copies can be compared", ended.getFirst());
        }
        return found;
    }

    /** Each copy by itself, without the access point's word. */
    private void compareDigests() {
        for (Slab slab : cluster.truth().slabs(cluster.volume())) {
            long stream = StreamId.of(cluster.volume(), slab.getIndex());
            for (Layout.Area area : layout.all) {
                if (layout.slab(area.first()) == slab.getIndex()) {
                    int extent = (int) (area.offsetBytes() % Geometry.SLAB_BYTES / Geometry.EXTENT_BYTES);
                    compareDigest(slab, stream, extent);
                }
            }
        }
    }

    private void compareDigest(Slab slab, long stream, int extent) {
        List<String> told = new ArrayList<>();
        for (Node node : cluster.nodes) {
            DiskGroup store = node.life() == null
                    ? null
                    : java.util.Objects.requireNonNull(node.life()).store();
            if (store != null && slab.getIsrList().contains(store.uuid())) {
                java.util.Objects.requireNonNull(node.life())
                        .loop
                        .execute(() -> store.digest(
                                stream,
                                extent,
                                (status, crc, version) -> told.add(status == StoreStatus.OK ? "" + crc : "" + status)));
            }
        }
        await("a copy tells its digest", ANSWER_LIMIT, () -> told.size() == slab.getIsrCount());
        if (told.stream().distinct().count() > 1) {
            throw new Violation("copies are equal", "slab " + slab.getIndex() + " extent " + extent + ": " + told);
        }
    }
}
