package io.varve.simulator;

import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaState;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.dataplane.wire.SimulatedNetwork;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Nodes, the network between them, the metadata group and one volume; and the hand that starts dead processes again. */
final class Cluster {
    static final String VOLUME = "pg";
    static final long SECOND = 1_000_000_000L;

    /** Who is on no node: it always reaches the metadata group, if that is there. */
    static final String OPERATOR = "operator";

    private static final int METADATA_MEMBERS = 3;

    /** Between two looks of what starts processes again whose disk group failed. */
    private static final long SUPERVISION_NANOS = SECOND;

    private static final long HURRY_NANOS = SECOND / 4;

    /** Serial numbers of the disks that replace others begin here: a node's disk is replaced once at most. */
    private static final int SECOND_DISK = 100;

    private static final long SMALL_VOLUME_BYTES = 16L << 20;

    final Scenario scenario;
    final SimulatedScheduler scheduler;
    final SplittableRandom random;
    final Trace trace;
    final SimulatedNetwork network;
    final Metadata metadata;
    /** Told of each life that ended. */
    final Consumer<Node.Life> died;
    /** Everything that is on no node happens here. */
    final SimulatedLoop world;

    final List<Node> nodes = new ArrayList<>();
    private final NodeDisk.Blank blank;
    private long volume;
    private int moves;
    /** Since when everything has been well; MAX_VALUE: it is not. */
    private long wellSinceNanos = Long.MAX_VALUE;

    /** Somebody shall write until nothing more fits. */
    boolean isFilling;

    /** A disk did wrong without saying so: what it left behind is found, and repaired, when the copies are next compared. */
    boolean wasDamaged;

    /** From then on nobody is to be refused for lack of room; MAX_VALUE while disks are being filled, or are full. */
    long roomFromNanos;

    private long hurryUntilNanos;
    private int readAtIndex;
    private Optional<Volume> volumeNow = Optional.empty();
    private List<Slab> slabsNow = List.of();

    Cluster(
            long seed,
            Scenario scenario,
            NodeDisk.Blank blank,
            @Nullable Consumer<String> reader,
            Metadata.Committed committed,
            Consumer<Node.Life> died) {
        this.scenario = scenario;
        this.died = died;
        this.blank = blank;
        scheduler = new SimulatedScheduler(seed);
        random = scheduler.newRandom();
        trace = new Trace(scheduler, reader);
        network = new SimulatedNetwork(random.nextLong());
        world = scheduler.newLoop("world");
        List<String> names = new ArrayList<>();
        for (int i = 0; i < scenario.nodes(); i++) {
            names.add("n" + i);
            nodes.add(new Node(this, "n" + i, blank.of(i, i, scenario, random.split())));
        }
        metadata = new Metadata(scheduler, names.subList(0, METADATA_MEMBERS), this::reaches, (command, outcome) -> {
            trace.note(
                    outcome.result().index(),
                    () -> "truth " + brief(command) + " -> " + outcome.result().code() + " "
                            + outcome.result().message());
            committed.committed(command, outcome);
        });
    }

    long volume() {
        return volume;
    }

    long sizeBytes() {
        return scenario.slabs() == 1
                ? SMALL_VOLUME_BYTES
                : (scenario.slabs() - 1) * Geometry.SLAB_BYTES + SMALL_VOLUME_BYTES;
    }

    MetaState truth() {
        return metadata.truth();
    }

    /** The volume as the truth has it, without its slabs; empty before it is made. Read anew only when the truth has changed. */
    Optional<Volume> volumeNow() {
        refresh();
        return volumeNow;
    }

    List<Slab> slabsNow() {
        refresh();
        return slabsNow;
    }

    private void refresh() {
        if (readAtIndex != metadata.newestIndex()) {
            readAtIndex = metadata.newestIndex();
            volumeNow = truth().volume(volume);
            slabsNow = truth().slabs(volume);
        }
    }

    Node node(String name) {
        return nodes.stream().filter(node -> node.name.equals(name)).findFirst().orElseThrow();
    }

    private boolean reaches(String from, String to) {
        return (from.equals(OPERATOR) || node(from).runs()) && node(to).runs() && !network.isCut(from, to);
    }

    /** Begins: the nodes start, and the volume is made and wanted on one of them as soon as they are known. */
    void start() {
        nodes.forEach(Node::start);
        operate(new MetaCommand.InitCluster(NodeDisk.CLUSTER.toString(), "simulated"));
        world.execute(this::createVolume);
        supervise();
        if (scenario.plans()) {
            insist(new MetaCommand.ChangeSettings(Map.of("rebuild.grace", "15s")));
            new Planner(this).start();
        }
    }

    private void createVolume() {
        if (truth().groups().size() < nodes.size()) {
            world.schedule(SECOND / 10, this::createVolume);
            return;
        }
        List<List<String>> places = new ArrayList<>();
        for (int slab = 0; slab < scenario.slabs(); slab++) {
            List<String> groups = new ArrayList<>();
            for (int copy = 0; copy < scenario.replicas(); copy++) {
                groups.add(nodes.get((slab + copy) % nodes.size())
                        .disk
                        .identity
                        .group()
                        .toString());
            }
            places.add(groups);
        }
        MetaCommand create = new MetaCommand.CreateVolume(
                VOLUME, sizeBytes(), scenario.replicas(), Geometry.SLAB_BYTES, 1, places, "create");
        metadata.propose(OPERATOR, world, create).onSuccess(result -> {
            volume = result.requireVolume().getId();
            readAtIndex = -1;
            operate(new MetaCommand.WantNode(volume, nodes.get(random.nextInt(nodes.size())).name));
        });
    }

    void operate(MetaCommand command) {
        metadata.propose(OPERATOR, world, command);
    }

    /** The same, again and again until it is carried out: for commands that may be carried out twice. */
    void insist(MetaCommand command) {
        insist(command, () -> true);
    }

    void insist(MetaCommand command, BooleanSupplier still) {
        if (still.getAsBoolean()) {
            metadata.propose(OPERATOR, world, command)
                    .onFailure(unknown -> world.schedule(SECOND, () -> insist(command, still)));
        }
    }

    /** Another node joins, with an empty disk. */
    void join() {
        int number = nodes.size();
        Node joined = new Node(this, "n" + number, blank.of(number, number, scenario, random.split()));
        nodes.add(joined);
        joined.start();
    }

    /** A node's disk is thrown away; what lay there is given up, as by varve disk evict and remove. */
    void replaceDisk(Node node) {
        String old = node.disk.identity.group().toString();
        int number = nodes.indexOf(node);
        node.replaceDisk(blank.of(number, SECOND_DISK + number, scenario, random.split()));
        giveUp(old);
    }

    private void giveUp(String group) {
        if (truth().group(group).isPresent()) {
            // Again each time: an order of before that drained it may end late.
            operate(new MetaCommand.EvictGroup(group, true));
            operate(new MetaCommand.ForgetCopies(group));
            operate(new MetaCommand.RemoveGroup(group));
            world.schedule(2 * SECOND, () -> giveUp(group));
        }
    }

    /** As a person, or an attach that finds its node dead, would. */
    void move(Node to) {
        truth().volume(volume)
                .ifPresent(now ->
                        operate(new MetaCommand.MoveVolume(volume, now.getWantedNode(), to.name, "move-" + ++moves)));
    }

    /** The node on which a disk group is now; null if on none any more. */
    @Nullable Node nodeOf(String group) {
        return nodes.stream()
                .filter(node -> node.disk.identity.group().toString().equals(group))
                .findFirst()
                .orElse(null);
    }

    /** Where the newest access point is; null if there is none. */
    @Nullable Node accessNode() {
        SlabVolume open = served();
        Node.Life life = open == null ? null : lifeOf(open);
        return life == null ? null : life.node();
    }

    /** Clients ask more at the moments that matter: for a little while after something went wrong, or right again. */
    void hurry() {
        hurryUntilNanos = scheduler.nanos() + HURRY_NANOS;
    }

    /** True while a copy is out of the set and its node runs: it is being filled, or soon will be. */
    boolean returnsNow() {
        return nodes.stream().allMatch(Node::runs)
                && slabsNow().stream().anyMatch(slab -> slab.getIsrCount() < wantedCopies());
    }

    /** How many copies each slab should have, by the truth. */
    private int wantedCopies() {
        return volumeNow().map(Volume::getReplicas).orElse(scenario.replicas());
    }

    /** Looked at every 50 ms. */
    void look() {
        wellSinceNanos = isWell() ? Math.min(wellSinceNanos, scheduler.nanos()) : Long.MAX_VALUE;
    }

    /** True if everything has been well since then, and is: no reason to answer anybody with an error. */
    boolean isWellSince(long nanos) {
        return wellSinceNanos <= nanos && isWell();
    }

    /** True if a disk may be lost now and nothing with it: every copy is in sync, everybody reaches everybody, nobody is asked anything. */
    boolean isUntroubled() {
        return isWell() && wantedCopies() > 1;
    }

    private boolean isWell() {
        return isHealthy()
                && metadata.isQuiet()
                && nodes.stream().allMatch(Node::runs)
                && nodes.stream()
                        .noneMatch(node -> nodes.stream().anyMatch(other -> network.isCut(node.name, other.name)));
    }

    boolean isHurried() {
        return scheduler.nanos() < hurryUntilNanos;
    }

    /** Where the newest access point of the volume is open; null if nowhere. */
    @Nullable SlabVolume served() {
        SlabVolume newest = null;
        for (SlabVolume open : allOpen()) {
            newest = newest == null
                            || open.accessPoints().epoch()
                                    > newest.accessPoints().epoch()
                    ? open
                    : newest;
        }
        return newest;
    }

    /** Every access point that takes itself to be open, on a process that runs or is paused. */
    List<SlabVolume> allOpen() {
        List<SlabVolume> open = new ArrayList<>();
        for (Node node : nodes) {
            Node.Life life = node.life();
            SlabVolume here = life == null ? null : life.open(VOLUME);
            if (here != null) {
                open.add(here);
            }
        }
        return open;
    }

    /** On which life a volume is open; null if it is gone. */
    Node.@Nullable Life lifeOf(SlabVolume open) {
        for (Node node : nodes) {
            Node.Life life = node.life();
            if (life != null && life.loop == open.loop()) {
                return life;
            }
        }
        return null;
    }

    private void supervise() {
        for (Node node : nodes) {
            Node.Life life = node.life();
            if (life != null && life.failure() != null) {
                node.crash(false);
                node.start();
            }
        }
        world.schedule(SUPERVISION_NANOS, this::supervise);
    }

    /** True if the volume is open where it is wanted, and every copy is in sync. */
    boolean isHealthy() {
        SlabVolume open = served();
        Node.Life life = open == null ? null : lifeOf(open);
        Volume wanted = volumeNow().orElseThrow();
        return open != null
                && life != null
                && life.node().name.equals(wanted.getWantedNode())
                && open.accessPoints().epoch() == wanted.getEpoch()
                && open.accessPoints().state().equals("HEALTHY")
                && slabsNow().stream().allMatch(this::isWhole);
    }

    private boolean isWhole(Slab slab) {
        return slab.getIsrCount() == wantedCopies()
                && slab.getReplicasCount() == slab.getIsrCount()
                && slab.getReplicasList().stream()
                        .noneMatch(replica -> replica.getPhase() == ReplicaPhase.REPLICA_LEAVING);
    }

    /** For people: what is open, and what it says. */
    String describe() {
        StringBuilder text = new StringBuilder();
        truth().volume(volume)
                .ifPresent(now -> text.append("wanted on ")
                        .append(now.getWantedNode())
                        .append(", epoch ")
                        .append(now.getEpoch())
                        .append(' ')
                        .append(now.getState()));
        slabsNow()
                .forEach(slab -> text.append("; slab ")
                        .append(slab.getIndex())
                        .append(" in sync on ")
                        .append(slab.getIsrList()));
        for (Node node : nodes) {
            Node.Life life = node.life();
            SlabVolume here = life == null ? null : life.attached(volume);
            text.append("; ").append(node.name);
            if (life == null) {
                text.append(" down");
            } else if (life.failure() != null) {
                text.append(" failed: ").append(life.failure());
            } else if (here != null) {
                text.append(" epoch ").append(here.accessPoints().epoch()).append(' ');
                text.append(here.accessPoints().state())
                        .append(' ')
                        .append(here.accessPoints().detail());
            } else {
                text.append(" up");
            }
        }
        return text.toString();
    }

    private static String brief(MetaCommand command) {
        String text = command instanceof MetaCommand.RegisterGroup group
                ? "RegisterGroup of " + group.group().getNode()
                : command.toString();
        return text.replaceAll("\\s+", " ");
    }
}
