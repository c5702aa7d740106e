package io.varve.control.rebuild;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MapKeyValues;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import io.varve.control.rebuild.RebuildPlan.Step;
import io.varve.model.Redundancy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * The planner and the real rules of the truth, with nodes that do at once what the truth wants of them: make, delete, attach, fill, take out of
 * the set. Everything synchronous, on a clock that the test moves.
 */
final class PlannedCluster {
    static final long GIB = 1L << 30;
    static final long CAPACITY = 1_000 * GIB;
    static final long SLAB_BYTES = 8 * GIB;

    final MetaState state = new MetaState(new MapKeyValues());
    private final Map<String, Boolean> alive = new TreeMap<>();
    private final Map<String, Long> lastHeard = new HashMap<>();
    private final Map<String, Long> capacity = new HashMap<>();
    private final Map<Long, Long> slabBytes = new HashMap<>();
    private final Set<String> failed = new HashSet<>();
    private Map<String, Map<Long, Long>> asked = Map.of();
    private long index;
    private long now = 1_000_000;
    private final Set<String> mute = new HashSet<>();
    private final Map<String, Long> groupHeard = new HashMap<>();
    /** A member of the metadata group is of an older version. */
    boolean groupsUntold;
    /** Copies that an access point fills completely in one round. */
    int filledInOneRound = 4;

    RebuildMemory memory = RebuildMemory.begun(now);
    RebuildPlan plan = new RebuildPlan(List.of(), memory, Optional.empty(), 0, 0);
    /** Every copy ever placed, in order: {@code volume/slab@group}. */
    final List<String> placed = new ArrayList<>();
    /** Steps that the truth refused. */
    final List<String> refused = new ArrayList<>();

    PlannedCluster() {
        must(new InitCluster("c", "test"));
    }

    // ------------------------------------------------------------------ what there is

    void addNode(String node, String zone, String... groups) {
        alive.put(node, true);
        lastHeard.put(node, now);
        must(new RegisterNode(
                Node.newBuilder()
                        .setId(node)
                        .setZone(zone)
                        .setIncarnation(1)
                        .setManagementAddress(node + ":1")
                        .build(),
                ""));
        for (String group : groups) {
            capacity.put(group, CAPACITY);
            register(group, node, CAPACITY);
        }
    }

    /** n1 with g1, n2 with g2 and so on, without zones. */
    static PlannedCluster of(int nodes) {
        PlannedCluster cluster = new PlannedCluster();
        for (int n = 1; n <= nodes; n++) {
            cluster.addNode("n" + n, "", "g" + n);
        }
        return cluster;
    }

    private void register(String group, String node, long free) {
        must(new RegisterGroup(
                DiskGroup.newBuilder()
                        .setUuid(group)
                        .setNode(node)
                        .setName(group)
                        .setPeerAddress(node + ":" + group)
                        .setCapacityBytes(java.util.Objects.requireNonNull(capacity.get(group)))
                        .setFreeBytes(free)
                        .addDevices(Device.newBuilder()
                                .setPath("/dev/" + group)
                                .setState(failed.contains(group) ? "FAILED" : "OK"))
                        .build(),
                1));
    }

    /** A volume, each slab on the groups named, in sync; {@code bytes} written in each slab. */
    long createVolume(String name, int slabs, long bytes, String... groups) {
        List<List<String>> places = new ArrayList<>();
        for (int i = 0; i < slabs; i++) {
            places.add(List.of(groups));
        }
        long id = must(new CreateVolume(name, slabs * SLAB_BYTES, groups.length, SLAB_BYTES, 1, places, ""))
                .requireVolume()
                .getId();
        for (int i = 0; i < slabs; i++) {
            slabBytes.put(id << 16 | i, bytes);
        }
        nodesAct();
        return id;
    }

    void setBytes(long volume, int slab, long bytes) {
        slabBytes.put(volume << 16 | slab, bytes);
    }

    void kill(String node) {
        alive.put(node, false);
    }

    void revive(String node) {
        alive.put(node, true);
        lastHeard.put(node, now);
    }

    boolean isAlive(String node) {
        return Boolean.TRUE.equals(alive.get(node));
    }

    /** The group does nothing and tells nothing any more, while its node lives. */
    void mute(String group) {
        mute.add(group);
    }

    void unmute(String group) {
        mute.remove(group);
    }

    void fail(String group) {
        failed.add(group);
    }

    MetaResult apply(MetaCommand command) {
        CommandCodec.Proposed read = CommandCodec.decode(CommandCodec.encode(new CommandCodec.Proposed(now, command)));
        return MetaRules.apply(state, ++index, read.unixMillis(), read.command())
                .result();
    }

    MetaResult must(MetaCommand command) {
        MetaResult result = apply(command);
        if (!result.isOk()) {
            throw new AssertionError(command + ": " + result.message());
        }
        return result;
    }

    Volume volume(long id) {
        return state.withSlabs(state.volume(id).orElseThrow());
    }

    List<String> groups(long volume, int slab) {
        return state.slab(volume, slab).orElseThrow().getReplicasList().stream()
                .map(Replica::getGroup)
                .toList();
    }

    String nodeOf(String group) {
        return state.group(group).map(DiskGroup::getNode).orElse("?");
    }

    // ------------------------------------------------------------------ time

    void pass(long millis) {
        now += millis;
        alive.forEach((node, there) -> {
            if (there) {
                lastHeard.put(node, now);
            }
        });
    }

    /** The leader changes: its memory is gone. */
    void forget() {
        memory = RebuildMemory.begun(now);
    }

    /** A second passes, the planner looks and its commands are decided; the nodes do nothing. */
    RebuildPlan look() {
        pass(1_000);
        tellSpace();
        RebuildTruth truth = RebuildTruth.of(state);
        Map<String, Long> silent = new HashMap<>();
        lastHeard.forEach((node, at) -> silent.put(node, now - at));
        plan = RebuildPlan.of(truth, new Sighted(now, silent, groupsSilent(), asked), memory);
        memory = plan.next();
        asked = plan.bytesWanted().map(group -> Map.of(group, bytesOn(group))).orElse(Map.of());
        plan.steps().forEach(this::carryOut);
        return plan;
    }

    private Optional<Map<String, Long>> groupsSilent() {
        if (groupsUntold) {
            return Optional.empty();
        }
        Map<String, Long> silent = new HashMap<>();
        groupHeard.forEach((group, at) -> silent.put(group, now - at));
        return Optional.of(silent);
    }

    /** The same, and then the nodes act. */
    RebuildPlan round() {
        RebuildPlan done = look();
        nodesAct();
        return done;
    }

    /** Rounds until nothing is to be done, and nothing under way; returns how many it took. */
    int settle(int atMost) {
        int idle = 0;
        for (int rounds = 0; rounds < atMost; rounds++) {
            boolean still = round().steps().isEmpty() && plan.bytesWanted().isEmpty();
            idle = still ? idle + 1 : 0;
            if (idle > Balance.SETTLE_MILLIS / 1_000 + 3) {
                return rounds;
            }
        }
        throw new AssertionError("not settled after " + atMost + " rounds: " + plan + "\n" + describe());
    }

    private void carryOut(Step step) {
        MetaResult result = apply(step.command());
        if (!result.isOk()) {
            refused.add(step + ": " + result.message());
            return;
        }
        switch (step.command()) {
            case PlaceCopies(var volume, var copies) ->
                copies.forEach(copy -> placed.add(volume + "/" + copy.slab() + "@" + copy.group()));
            case RetireCopies(var volume, var copies) ->
                copies.forEach(copy -> checkEnoughLeft(volume, copy.slab(), step));
            default -> {}
        }
    }

    /** Never does a copy leave before as many as there should be are in sync and there without it. */
    private void checkEnoughLeft(long volume, int index, Step step) {
        Slab slab = state.slab(volume, index).orElseThrow();
        long left = slab.getReplicasList().stream()
                .filter(replica -> replica.getPhase() == ReplicaPhase.REPLICA_CREATED)
                .filter(replica -> slab.getIsrList().contains(replica.getGroup()))
                // One that died a moment ago nobody can know of; its access point takes it out of the set, which the
                // gen tells.
                .filter(replica ->
                        now - lastHeard.getOrDefault(nodeOf(replica.getGroup()), 0L) < Sighted.SILENCE_MILLIS)
                .filter(replica -> !failed.contains(replica.getGroup()))
                .count();
        int wanted = state.volume(volume).orElseThrow().getReplicas();
        if (left < wanted) {
            throw new AssertionError(step + " leaves " + left + " of " + wanted + "\n" + slab);
        }
    }

    // ------------------------------------------------------------------ nodes

    private void tellSpace() {
        for (DiskGroup group : state.groups()) {
            if (isAlive(group.getNode()) && capacity.containsKey(group.getUuid()) && !mute.contains(group.getUuid())) {
                groupHeard.put(group.getUuid(), now);
                long used = bytesOn(group.getUuid()).values().stream()
                        .mapToLong(Long::longValue)
                        .sum();
                register(group.getUuid(), group.getNode(), Math.max(0, capacity.get(group.getUuid()) - used));
            }
        }
    }

    private Map<Long, Long> bytesOn(String group) {
        Map<Long, Long> bytes = new HashMap<>();
        for (Volume volume : state.volumes()) {
            for (Slab slab : state.slabs(volume.getId())) {
                if (slab.getReplicasList().stream()
                        .anyMatch(replica ->
                                replica.getGroup().equals(group) && replica.getPhase() != ReplicaPhase.REPLICA_NEW)) {
                    long stream = volume.getId() << 16 | slab.getIndex();
                    bytes.put(stream, slabBytes.getOrDefault(stream, 0L));
                }
            }
        }
        return bytes;
    }

    void nodesAct() {
        for (Volume each : state.volumes()) {
            replicasAct(volume(each.getId()));
            if (state.volume(each.getId()).isPresent()) {
                attachmentActs(volume(each.getId()));
                accessPointActs(volume(each.getId()));
            }
        }
    }

    private void replicasAct(Volume volume) {
        List<Slab> all = new ArrayList<>(volume.getSlabsList());
        all.addAll(volume.getGrowth().getSlabsList());
        for (Slab slab : all) {
            for (Replica replica : slab.getReplicasList()) {
                String group = replica.getGroup();
                if (!isThere(group)) {
                    continue;
                }
                if (replica.getPhase() == ReplicaPhase.REPLICA_NEW) {
                    must(new ReplicasCreated(volume.getId(), group, List.of(slab.getIndex())));
                } else if (replica.getPhase() == ReplicaPhase.REPLICA_LEAVING
                        && !slab.getIsrList().contains(group)) {
                    must(new ReplicasDeleted(volume.getId(), group, List.of(slab.getIndex())));
                }
            }
        }
    }

    private void attachmentActs(Volume volume) {
        String wanted = volume.getWantedNode();
        String attached = volume.getAttachment().getNode();
        if (volume.getState() == VolumeState.VOLUME_CREATING || volume.getState() == VolumeState.VOLUME_DELETING) {
            return;
        }
        if (!wanted.isEmpty() && isAlive(wanted) && !attached.equals(wanted)) {
            must(new Attach(volume.getId(), volume.getEpoch(), wanted, 1, wanted + "/" + volume.getEpoch()));
        } else if (wanted.isEmpty() && volume.hasAttachment() && isAlive(attached)) {
            must(new Detached(volume.getId(), volume.getEpoch()));
        } else if (wanted.equals(attached)
                && isAlive(wanted)
                && !volume.getAttachment().getOpen()) {
            open(volume);
        }
    }

    private void open(Volume volume) {
        List<SlabOpen> opens = new ArrayList<>();
        for (Slab slab : volume.getSlabsList()) {
            List<String> there =
                    slab.getIsrList().stream().filter(this::isThere).toList();
            if (there.isEmpty()
                    || (there.size() < Redundancy.minInSync(volume.getReplicas())
                            && there.size() < slab.getIsrCount())) {
                return;
            }
            if (slab.getOpenedEpoch() != volume.getEpoch()) {
                opens.add(SlabOpen.newBuilder()
                        .setIndex(slab.getIndex())
                        .setGen(slab.getGen())
                        .addAllIsr(there)
                        .setStartSeq(slab.getEpochStartSeq() + 1)
                        .build());
            }
        }
        must(new Open(volume.getId(), volume.getEpoch(), opens));
        apply(new Opened(volume.getId(), volume.getEpoch(), "nbd://" + volume.getWantedNode()));
    }

    private boolean isThere(String group) {
        return isAlive(nodeOf(group)) && !failed.contains(group) && !mute.contains(group);
    }

    private void accessPointActs(Volume volume) {
        if (!volume.getAttachment().getOpen() || !isAlive(volume.getAttachment().getNode())) {
            return;
        }
        int filled = 0;
        List<SlabIsr> changes = new ArrayList<>();
        for (Slab slab : volume.getSlabsList()) {
            Map<String, ReplicaPhase> phases = new LinkedHashMap<>();
            slab.getReplicasList().forEach(replica -> phases.put(replica.getGroup(), replica.getPhase()));
            List<String> set = new ArrayList<>(slab.getIsrList());
            if (set.removeIf(group -> !isThere(group)) && set.size() < Redundancy.minInSync(volume.getReplicas())) {
                continue; // Its writers wait.
            }
            for (Map.Entry<String, ReplicaPhase> copy : phases.entrySet()) {
                boolean fills = copy.getValue() == ReplicaPhase.REPLICA_CREATED
                        && !set.contains(copy.getKey())
                        && isThere(copy.getKey())
                        && !set.isEmpty()
                        && filled < filledInOneRound;
                if (fills) {
                    set.add(copy.getKey());
                    filled++;
                }
            }
            long unmarked = phases.values().stream()
                    .filter(phase -> phase != ReplicaPhase.REPLICA_LEAVING)
                    .count();
            for (String group : List.copyOf(set)) {
                long left = set.stream()
                        .filter(other -> !other.equals(group) && phases.get(other) != ReplicaPhase.REPLICA_LEAVING)
                        .count();
                if (phases.get(group) == ReplicaPhase.REPLICA_LEAVING
                        && left >= Math.min(volume.getReplicas(), unmarked)
                        && left >= Redundancy.minInSync(volume.getReplicas())) {
                    set.remove(group);
                }
            }
            if (!set.equals(slab.getIsrList()) && !set.isEmpty()) {
                changes.add(SlabIsr.newBuilder()
                        .setIndex(slab.getIndex())
                        .setGen(slab.getGen())
                        .addAllIsr(set)
                        .build());
            }
        }
        if (!changes.isEmpty()) {
            must(new ChangeIsr(volume.getId(), volume.getEpoch(), changes));
        }
    }

    String describe() {
        StringBuilder text = new StringBuilder();
        alive.forEach((node, there) -> text.append(node)
                .append(there ? " up" : " DOWN")
                .append(state.node(node)
                        .map(n -> n.getDraining() ? " draining" : "")
                        .orElse(""))
                .append(' ')
                .append(state.node(node).map(Node::getZone).orElse(""))
                .append('\n'));
        state.groups()
                .forEach(group -> text.append(group.getUuid())
                        .append('@')
                        .append(group.getNode())
                        .append(group.getEvicting() ? " evicting" : "")
                        .append(' ')
                        .append(100 - 100 * group.getFreeBytes() / group.getCapacityBytes())
                        .append(" %\n"));
        for (Volume volume : state.volumes()) {
            text.append(volume.getName())
                    .append(" x")
                    .append(volume.getReplicas())
                    .append(' ')
                    .append(volume.getState())
                    .append(" wanted ")
                    .append(volume.getWantedNode())
                    .append(" at ")
                    .append(volume.getAttachment().getNode())
                    .append(volume.getMaintenance() ? " maintenance" : "")
                    .append('\n');
            for (Slab slab : state.slabs(volume.getId())) {
                text.append("  ").append(slab.getIndex());
                slab.getReplicasList()
                        .forEach(replica -> text.append(' ')
                                .append(replica.getGroup())
                                .append(':')
                                .append(replica.getPhase().name().substring(8))
                                .append(slab.getIsrList().contains(replica.getGroup()) ? "+" : ""));
                text.append('\n');
            }
        }
        return text.toString();
    }
}
