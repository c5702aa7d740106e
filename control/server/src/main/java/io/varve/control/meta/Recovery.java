package io.varve.control.meta;

import com.google.protobuf.ByteString;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.RecoveredVolume;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.meta.ClusterRecord;
import io.varve.model.Geometry;
import io.varve.model.NodeName;
import io.varve.model.StreamId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Makes the truth anew after the metadata group was lost: from what the disks know, and for what they don't, from a backup, if there is one. Nothing
 * older than what the disks know is served afterwards; the argument stands in docs/internals/metadata-group.md.
 */
public final class Recovery {
    /** Above epochs that were given and reached no disk that was asked. An attach each half second uses so many in six days. */
    static final int EPOCH_STEP = 1 << 20;

    /** Above ids that were given since the backup. */
    static final long VOLUME_STEP = 1L << 20;

    static final long CREATION_STEP = 1L << 32;

    /** Of a volume that the backup does not know, and no node remembers. */
    private static final String NAMELESS = "recovered-";

    private static final int DEFAULT_REPLICAS = 2;

    private final MetaState state;
    private final Asked asked;
    private final List<FoundNode> found;
    private final boolean isRescue;
    private final Map<Long, List<FoundCopy>> copies = new TreeMap<>();
    private final Set<String> openGroups = new HashSet<>();
    private final List<String> objections = new ArrayList<>();
    private final List<String> warnings = new ArrayList<>();
    private final List<RecoveredVolume> volumes = new ArrayList<>();

    /**
     * What is asked for.
     *
     * @param name of the cluster, where there is no backup
     * @param without nodes and uuids of disk groups that are gone for good
     * @param membershipKey fresh
     */
    public record Asked(String name, Set<String> without, ByteString membershipKey) {
        public Asked {
            without = Set.copyOf(without);
        }
    }

    /**
     * What came of it.
     *
     * @param objections why it cannot be done; then {@code map} is of no use
     * @param warnings what may be lost, and what cannot be known
     */
    public record Plan(
            MapKeyValues map, List<RecoveredVolume> volumes, List<String> warnings, List<String> objections) {
        public Plan {
            volumes = List.copyOf(volumes);
            warnings = List.copyOf(warnings);
            objections = List.copyOf(objections);
        }

        public ClusterRecord cluster() {
            return new MetaState(map).cluster().orElse(ClusterRecord.getDefaultInstance());
        }
    }

    private Recovery(MapKeyValues map, Asked asked, List<FoundNode> found) {
        this.state = new MetaState(map);
        this.asked = asked;
        this.found = found;
        this.isRescue = state.cluster().isEmpty();
    }

    /**
     * Decides.
     *
     * @param backup empty for a rescue; becomes the new state
     * @param found what every node that answered told
     */
    public static Plan plan(MapKeyValues backup, Asked asked, List<FoundNode> found) {
        Recovery recovery = new Recovery(backup, asked, found);
        recovery.objectToWhatIsMissing();
        recovery.recover();
        // The group is another one, and records who is in it; and what is left of an earlier recovery is of that one.
        backup.delete(MetaKey.METADATA);
        backup.delete(MetaKey.RESTORING);
        return new Plan(backup, recovery.volumes, recovery.warnings, recovery.objections);
    }

    /** Whether that is the key of the record without which there is no cluster. */
    public static boolean isCluster(ByteString key) {
        return key.equals(ByteString.copyFrom(MetaKey.CLUSTER));
    }

    // ------------------------------------------------------------------ whether it can be done

    private void objectToWhatIsMissing() {
        Set<String> clusters = new TreeSet<>();
        for (FoundNode node : found) {
            if (node.follows()) {
                objections.add("node " + node.node()
                        + " runs since before the loss and may still hold volumes by the former truth: restart it");
            } else if (!node.disksOpen()) {
                objections.add("node " + node.node() + " is still opening its disks: ask again in a moment");
            }
            if (!node.cluster().isEmpty()) {
                clusters.add(node.cluster());
            }
            openGroups.addAll(node.groups());
        }
        if (clusters.size() > 1) {
            objections.add("the nodes belong to different clusters: " + String.join(", ", clusters));
        }
        if (isRescue) {
            nameCluster(clusters);
        } else {
            String uuid = state.cluster().orElseThrow().getUuid();
            clusters.remove(uuid);
            clusters.forEach(other ->
                    objections.add("the backup is of cluster " + uuid + ", but nodes belong to cluster " + other));
            objectToSilence();
        }
    }

    private void nameCluster(Set<String> clusters) {
        if (clusters.isEmpty()) {
            objections.add("no node that answers has disks of a cluster: nothing to recover");
        }
        if (!NodeName.isValid(asked.name())) {
            objections.add("'" + asked.name()
                    + "' cannot name a cluster: give the name that stands in the configuration of its nodes");
        }
        state.putCluster(ClusterRecord.newBuilder()
                .setUuid(clusters.stream().findFirst().orElse(""))
                .setName(asked.name())
                .setNextVolume(1)
                .setNextCreation(1)
                .build());
    }

    private void objectToSilence() {
        Set<String> answered = found.stream().map(FoundNode::node).collect(Collectors.toSet());
        for (Node node : state.nodes()) {
            if (!answered.contains(node.getId()) && !asked.without().contains(node.getId())) {
                objections.add("node " + node.getId()
                        + " of the backup does not answer: start it; or if it is gone for good, say --without "
                        + node.getId());
            }
        }
        for (DiskGroup group : state.groups()) {
            if (answered.contains(group.getNode())
                    && !openGroups.contains(group.getUuid())
                    && !asked.without().contains(group.getUuid())) {
                objections.add("disk group " + group.getName() + " of node " + group.getNode()
                        + " is not open: look at that node's log; or if it is gone for good, say --without "
                        + group.getUuid());
            }
        }
    }

    // ------------------------------------------------------------------ what there is

    private void recover() {
        long highestCreation = 0;
        long highestVolume = 0;
        for (FoundNode node : found) {
            for (FoundCopy copy : node.copies()) {
                copies.computeIfAbsent(copy.stream(), stream -> new ArrayList<>())
                        .add(copy);
                highestCreation = Math.max(highestCreation, copy.creationId());
                highestVolume = Math.max(highestVolume, StreamId.volume(copy.stream()));
            }
        }
        for (Volume volume : state.volumes()) {
            fromBackup(volume);
        }
        Set<Long> known = state.volumes().stream().map(Volume::getId).collect(Collectors.toSet());
        Set<Long> onDisks = new TreeSet<>();
        copies.keySet().forEach(stream -> onDisks.add(StreamId.volume(stream)));
        onDisks.stream().filter(volume -> !known.contains(volume)).forEach(this::fromDisks);
        ClusterRecord cluster = state.cluster().orElseThrow();
        state.putCluster(cluster.toBuilder()
                .setNextVolume(Math.max(cluster.getNextVolume(), highestVolume + 1) + VOLUME_STEP)
                .setNextCreation(Math.max(cluster.getNextCreation(), highestCreation + 1) + CREATION_STEP)
                .setMembershipKey(asked.membershipKey())
                .build());
        tellWhatCannotBeKnown();
    }

    private void fromBackup(Volume before) {
        List<FoundCopy> all = copiesOf(before.getId());
        boolean isAsItWas = before.getState() == VolumeState.VOLUME_DELETING
                || (before.getState() == VolumeState.VOLUME_CREATING && all.isEmpty());
        Volume.Builder after = detached(before, epochAbove(before.getEpoch(), all));
        if (isAsItWas) {
            if (before.getState() == VolumeState.VOLUME_CREATING) {
                waitForWhatWasLeftOut(before);
            }
            state.putVolume(after.setState(before.getState()).build());
            tell(
                    after.build(),
                    before.getReplicas(),
                    all.size(),
                    true,
                    before.getState() == VolumeState.VOLUME_DELETING
                            ? "is being deleted, as in the backup"
                            : "is being made, as in the backup");
            return;
        }
        // It may have grown since; what was only being added then is of no account.
        long size = Math.max(before.getSizeBytes(), labelledBytes(before.getId()));
        after.setSizeBytes(size).clearGrowth();
        List<RecoveredSlab> slabs = new ArrayList<>();
        for (int index = 0; index < Math.ceilDiv(size, before.getSlabBytes()); index++) {
            Slab known = state.slab(before.getId(), index)
                    .orElse(Slab.newBuilder().setIndex(index).build());
            slabs.add(RecoveredSlab.of(known, copiesOf(before.getId(), index), groupsLeftOut()));
        }
        Optional<RecoveredSlab> lost = slabs.stream()
                .filter(slab -> slab.found() == 0 && slab.heardNothing() == 0)
                .findFirst();
        if (lost.isPresent()) {
            state.forget(before);
            tell(
                    after.build(),
                    before.getReplicas(),
                    all.size(),
                    false,
                    all.isEmpty()
                            ? "left out: no copy on any disk; it was deleted since the backup, or is lost"
                            : "left out: no copy of slab " + lost.get().slab().getIndex() + " on any disk");
            return;
        }
        if (before.hasPublication()) {
            String node = before.getPublication().getNode();
            warnings.add("volume " + before.getName() + ": published to node " + node
                    + ", as in the backup; if another one uses it since, say varve node fence " + node);
        }
        put(after.build(), slabs, all.size());
    }

    /** It may have been made and used since, on disk groups that are left out: only with these it is known what it holds. */
    private void waitForWhatWasLeftOut(Volume volume) {
        Set<String> leftOut = groupsLeftOut();
        List<Slab> doubtful = state.slabs(volume.getId()).stream()
                .filter(slab -> slab.getReplicasList().stream().anyMatch(copy -> leftOut.contains(copy.getGroup())))
                .toList();
        for (Slab slab : doubtful) {
            state.putSlab(
                    volume.getId(),
                    slab.toBuilder().setFirstOpenNeeds(slab.getIsrCount()).build());
        }
        if (!doubtful.isEmpty()) {
            warnings.add("volume " + volume.getName() + ": was being made at the time of the backup, copies of "
                    + doubtful.size()
                    + " slabs on what was left out; it waits for these, since it may have been used since");
        }
    }

    /** Made after the backup, or there is none. Sizes are on the disks, names beside them. */
    private void fromDisks(long id) {
        List<FoundCopy> all = copiesOf(id);
        Optional<FoundNode.Label> label = found.stream()
                .flatMap(node -> node.labels().stream())
                .filter(each -> each.volume() == id)
                .max((a, b) -> a.name().compareTo(b.name()));
        int highest = all.stream()
                .mapToInt(copy -> StreamId.slab(copy.stream()))
                .max()
                .orElseThrow();
        long labelled = labelledBytes(id);
        int last = labelled > 0 ? (int) (Math.ceilDiv(labelled, Geometry.SLAB_BYTES) - 1) : highest;
        String name = freeName(label.map(FoundNode.Label::name).orElse(""), id);
        int replicas = label.map(FoundNode.Label::replicas).orElse(replicasOf(id, last));
        Volume.Builder after = detached(
                        Volume.newBuilder()
                                .setId(id)
                                .setName(name)
                                .setReplicas(replicas)
                                .setSlabBytes(Geometry.SLAB_BYTES)
                                .setThick(all.stream().allMatch(copy -> copy.guaranteedBytes() > 0))
                                .build(),
                        epochAbove(0, all))
                .setSizeBytes(labelled > 0 ? labelled : sizeOf(id, last))
                .setWholeSlabs(sizeOf(id, last) % Geometry.SLAB_BYTES == 0);
        if (state.tomb(id).isPresent()) {
            tell(after.build(), replicas, all.size(), false, "left alone: the backup says that it was deleted");
            return;
        }
        List<RecoveredSlab> slabs = new ArrayList<>();
        for (int index = 0; index <= last; index++) {
            List<FoundCopy> here = copiesOf(id, index);
            if (here.isEmpty()) {
                tell(
                        after.build(),
                        replicas,
                        all.size(),
                        false,
                        "left alone: no copy of slab " + index + " on any disk");
                return;
            }
            slabs.add(RecoveredSlab.of(Slab.newBuilder().setIndex(index).build(), here, Set.of()));
        }
        if (label.isEmpty()) {
            warnings.add("volume " + id + " has no name on any disk: it is called " + name);
        }
        put(after.build(), slabs, all.size());
    }

    private void put(Volume volume, List<RecoveredSlab> slabs, int foundCopies) {
        state.putVolume(volume);
        slabs.forEach(slab -> state.putSlab(volume.getId(), slab.slab()));
        long doubtful = slabs.stream().filter(slab -> slab.heardNothing() > 0).count();
        if (doubtful > 0) {
            warnings.add("volume " + volume.getName() + ": copies of " + doubtful
                    + " slabs were left out; where they alone were in sync at the end, the newest writes are missing");
        }
        long unusable = slabs.stream().filter(slab -> !slab.wholeCopyFound()).count();
        if (unusable > 0) {
            warnings.add("volume " + volume.getName() + ": " + unusable
                    + " slabs have no whole copy with all that was written among those found: it does not open. If their disks can be brought back,"
                    + " do so and recover again");
        }
        int needs = slabs.stream()
                .mapToInt(slab -> slab.slab().getFirstOpenNeeds())
                .max()
                .orElse(1);
        tell(
                volume,
                volume.getReplicas(),
                foundCopies,
                true,
                "opens when " + needs + (needs == 1 ? " copy is there" : " copies of each slab are there"));
    }

    private static Volume.Builder detached(Volume before, int epoch) {
        return before.toBuilder()
                .setEpoch(epoch)
                .setState(VolumeState.VOLUME_DETACHED)
                .clearAttachment()
                .clearMaintenance()
                .clearMoveRequestId()
                .setWantedNode(before.getMaintenance() ? "" : before.getWantedNode());
    }

    private static int epochAbove(int before, List<FoundCopy> copies) {
        int highest = before;
        for (FoundCopy copy : copies) {
            int known = Integer.compareUnsigned(copy.promisedEpoch(), copy.lastEpoch()) > 0
                    ? copy.promisedEpoch()
                    : copy.lastEpoch();
            highest = Integer.compareUnsigned(known, highest) > 0 ? known : highest;
        }
        return highest + EPOCH_STEP;
    }

    /** Disk groups of the backup that nothing was heard of: reached only when they were left out on purpose. */
    private Set<String> groupsLeftOut() {
        return state.groups().stream()
                .map(DiskGroup::getUuid)
                .filter(uuid -> !openGroups.contains(uuid))
                .collect(Collectors.toSet());
    }

    private List<FoundCopy> copiesOf(long volume) {
        return copies.entrySet().stream()
                .filter(entry -> StreamId.volume(entry.getKey()) == volume)
                .flatMap(entry -> entry.getValue().stream())
                .toList();
    }

    private List<FoundCopy> copiesOf(long volume, int slab) {
        return copies.getOrDefault(StreamId.of(volume, slab), List.of());
    }

    /** What the nodes remember; 0: nothing. The copies are as large as their slabs, and tell it only roughly. */
    private long labelledBytes(long volume) {
        return found.stream()
                .flatMap(node -> node.labels().stream())
                .filter(label -> label.volume() == volume)
                .mapToLong(FoundNode.Label::sizeBytes)
                .max()
                .orElse(0);
    }

    private long sizeOf(long volume, int lastSlab) {
        int blocks = copiesOf(volume, lastSlab).stream()
                .mapToInt(FoundCopy::blocks)
                .max()
                .orElse(0);
        return lastSlab * Geometry.SLAB_BYTES + (long) blocks * Geometry.BLOCK_BYTES;
    }

    /** As many as the slab with the fewest has; more are placed when somebody asks for them. */
    private int replicasOf(long volume, int lastSlab) {
        int fewest = Integer.MAX_VALUE;
        for (int slab = 0; slab <= lastSlab; slab++) {
            fewest = Math.min(fewest, copiesOf(volume, slab).size());
        }
        return fewest < 1 ? DEFAULT_REPLICAS : Math.min(3, fewest);
    }

    private String freeName(String label, long id) {
        String wanted = label.isEmpty() ? NAMELESS + id : label;
        return state.volume(wanted).isEmpty() ? wanted : wanted + "-" + id;
    }

    private void tell(Volume volume, int replicas, int foundCopies, boolean kept, String standing) {
        volumes.add(RecoveredVolume.newBuilder()
                .setId(volume.getId())
                .setName(volume.getName())
                .setSizeBytes(volume.getSizeBytes())
                .setReplicas(replicas)
                .setSlabs((int) ((volume.getSizeBytes() + Geometry.SLAB_BYTES - 1) / Geometry.SLAB_BYTES))
                .setEpoch(volume.getEpoch())
                .setCopies(foundCopies)
                .setKept(kept)
                .setStanding(standing)
                .build());
    }

    private void tellWhatCannotBeKnown() {
        if (isRescue) {
            warnings.add(
                    "not on the disks, and so gone: API tokens, settings, marks of draining and evicting, where volumes were attached,"
                            + " which nodes and volumes had been removed, events");
            return;
        }
        int tokens = state.tokens().size();
        if (tokens > 0) {
            warnings.add(
                    "the " + tokens
                            + " API tokens of the backup are valid again, also those that were revoked since: varve token list");
        }
        warnings.add("settings, wishes and marks are those of the backup");
    }
}
