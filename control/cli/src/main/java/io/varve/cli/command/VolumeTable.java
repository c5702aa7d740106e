package io.varve.cli.command;

import io.varve.api.Label;
import io.varve.api.PlacementWish;
import io.varve.api.ReplicaPhase;
import io.varve.api.SyncState;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import io.varve.model.ByteSize;
import io.varve.model.Guarantee;
import io.varve.model.IoLimits;
import io.varve.model.Redundancy;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Volumes for people. */
final class VolumeTable {
    private VolumeTable() {}

    /** With the claims that they are, as soon as one is. */
    static String of(List<Volume> volumes) {
        var anyClaim = volumes.stream().anyMatch(volume -> !claim(volume).isEmpty());
        var columns = Stream.of(
                        "VOLUME", "CLAIM", ">SIZE", "SPACE", ">COPIES", "IN SYNC", "HEALTH", "STATE", "NODE", "NBD")
                .filter(column -> anyClaim || !column.equals("CLAIM"));
        var table = Table.of(columns.toArray(String[]::new));
        for (var volume : volumes) {
            var cells = new ArrayList<Object>();
            cells.add(volume.getName());
            if (anyClaim) {
                cells.add(Text.orDash(claim(volume)));
            }
            cells.add(new ByteSize(volume.getSizeBytes()));
            cells.add(volume.getThick() ? "thick" : "thin");
            cells.add(volume.getReplicas());
            cells.add(inSync(volume));
            cells.add(health(volume));
            cells.add(state(volume));
            cells.add(Text.orDash(node(volume)));
            cells.add(Text.orDash(volume.getAttachment().getNbdUri()));
            table.row(cells.toArray());
        }
        return RootCommand.tableOr(table, "No volumes. Make one: varve volume create db --size 20GiB");
    }

    /** Of Kubernetes: {@code namespace/name}, as the CSI driver labels its volumes; empty: it is none. */
    private static String claim(Volume volume) {
        var labels = volume.getLabelsList().stream().collect(Collectors.toMap(Label::getKey, Label::getValue));
        var name = labels.getOrDefault("kubernetes.claim", "");
        return name.isEmpty() ? "" : labels.getOrDefault("kubernetes.namespace", "") + "/" + name;
    }

    static String describe(Volume volume) {
        var text = new StringBuilder();
        text.append("Volume    ")
                .append(volume.getName())
                .append(" (id ")
                .append(volume.getId())
                .append(")\n");
        text.append("Size      ").append(size(volume)).append('\n');
        text.append("Space     ").append(space(volume)).append('\n');
        if (!volume.getRefusal().isEmpty()) {
            text.append("Refused   ").append(volume.getRefusal()).append('\n');
        }
        volume.getLabelsList()
                .forEach(label -> text.append("Label     ")
                        .append(label.getKey())
                        .append('=')
                        .append(label.getValue())
                        .append('\n'));
        text.append("Copies    ").append(copies(volume)).append('\n');
        if (volume.hasLimits()) {
            text.append("Limits    ").append(limits(volume)).append('\n');
        }
        text.append("Health    ").append(healthInWords(volume)).append('\n');
        text.append("State     ").append(state(volume)).append('\n');
        text.append("Epoch     ")
                .append(Integer.toUnsignedString(volume.getEpoch()))
                .append('\n');
        if (!node(volume).isEmpty()) {
            text.append("Node      ").append(node(volume)).append('\n');
        }
        if (volume.hasWish()) {
            text.append("Wanted    ").append(wish(volume.getWish())).append('\n');
        }
        if (volume.hasPublication()) {
            text.append("Published ")
                    .append(volume.getPublication().getNode())
                    .append(volume.getPublication().getReadOnly() ? ", read only" : "")
                    .append(volume.getPublication().getStaged() ? ", in use there" : "")
                    .append('\n');
        }
        if (!volume.getAttachment().getNbdUri().isEmpty()) {
            text.append("NBD       ").append(volume.getAttachment().getNbdUri()).append('\n');
        }
        if (volume.getCreatedUnixMillis() != 0) {
            text.append("Created   ")
                    .append(Instant.ofEpochMilli(volume.getCreatedUnixMillis()))
                    .append('\n');
        }
        var table = Table.of(">SLAB", ">GEN", "DISK GROUP", "REPLICA", "IN SYNC");
        for (var slab : volume.getSlabsList()) {
            for (var replica : slab.getReplicasList()) {
                table.row(
                        slab.getIndex(),
                        Integer.toUnsignedString(slab.getGen()),
                        replica.getGroup(),
                        RootCommand.lowerCase(replica.getPhase(), "REPLICA_"),
                        slab.getIsrList().contains(replica.getGroup()) ? "yes" : "no");
            }
        }
        return text.append('\n').append(table.render()).toString();
    }

    static String space(Volume volume) {
        if (!volume.getThick()) {
            return volume.getAttachment().getGuaranteed() ? "thin, as soon as its access point knows" : "thin";
        }
        return isKept(volume) ? "thick" : "thick, as soon as all copies keep room for it";
    }

    /** Every copy that was made keeps room for all of it. */
    private static boolean isKept(Volume volume) {
        return volume.getSlabsList().stream()
                .allMatch(slab -> slab.getReplicasList().stream()
                        .filter(replica -> replica.getPhase() == ReplicaPhase.REPLICA_CREATED)
                        .allMatch(replica -> replica.getGuaranteedBytes()
                                >= Guarantee.ofSlab(volume.getSizeBytes(), volume.getSlabBytes(), slab.getIndex())));
    }

    private static String wish(PlacementWish wish) {
        var near = wish.getNode().isEmpty() ? wish.getZone() : wish.getNode();
        return Stream.of(near.isEmpty() ? "" : "a copy on " + near, wish.getDistinctZones() ? "distinct zones" : "")
                .filter(part -> !part.isEmpty())
                .collect(Collectors.joining(", "));
    }

    private static String size(Volume volume) {
        var size = new ByteSize(volume.getSizeBytes()).toString();
        if (volume.getGrowth().getRefused()) {
            return size + ", what was made to grow it is being taken back";
        }
        if (volume.hasGrowth()) {
            return size + ", growing to " + new ByteSize(volume.getGrowth().getSizeBytes());
        }
        var served = volume.getAttachment().getSizeBytes();
        return volume.getAttachment().getOpen() && served != 0 && served < volume.getSizeBytes()
                ? size + ", its clients see " + new ByteSize(served) + " until what was added is open"
                : size;
    }

    static String state(Volume volume) {
        if (volume.getMaintenance()) {
            return "detached, open for its copies";
        }
        var state = RootCommand.lowerCase(volume.getState(), "VOLUME_");
        var opening = volume.getState() == VolumeState.VOLUME_ATTACHED
                && !volume.getAttachment().getOpen();
        return opening ? "attaching" : state;
    }

    private static String node(Volume volume) {
        var attached = volume.getAttachment().getNode();
        return attached.isEmpty() ? volume.getWantedNode() : attached;
    }

    /** In the slab that has the fewest. */
    private static String inSync(Volume volume) {
        var sync = volume.getSync();
        return sync.getState() == SyncState.SYNC_HEALTHY
                ? "all"
                : sync.getFewestCopies() + " of " + volume.getReplicas();
    }

    private static String health(Volume volume) {
        return RootCommand.lowerCase(volume.getSync().getState(), "SYNC_").replace('_', ' ');
    }

    /** {@code 2, 1 in sync on 12 of 128 slabs; missing: n2/flash (12 slabs)}. */
    private static String copies(Volume volume) {
        var sync = volume.getSync();
        if (sync.getMissingCount() == 0) {
            return volume.getReplicas() + ", all in sync" + needed(volume);
        }
        var missing = sync.getMissingList().stream()
                .map(copies -> copies.getNode() + "/" + copies.getGroupName() + " (" + slabs(copies.getSlabs()) + ")")
                .collect(Collectors.joining(", "));
        return volume.getReplicas() + ", " + sync.getFewestCopies() + " in sync on " + sync.getIncompleteSlabs()
                + " of " + slabs(volume.getSlabsCount()) + "; missing: " + missing + needed(volume);
    }

    /** Only where somebody chose it. */
    private static String needed(Volume volume) {
        return volume.getMinInSync() == 0 ? "" : "; a write needs " + fewest(volume);
    }

    /** The fewest copies in sync with which it goes on. */
    static int fewest(Volume volume) {
        return Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore());
    }

    static IoLimits limits(Volume volume) {
        var limits = volume.getLimits();
        return new IoLimits(limits.getIops(), limits.getBandwidthBytesPerSecond(), limits.getBurstMillis());
    }

    private static String slabs(int count) {
        return count == 1 ? "1 slab" : count + " slabs";
    }

    private static String healthInWords(Volume volume) {
        return health(volume)
                + switch (volume.getSync().getState()) {
                    case SYNC_DEGRADED ->
                        ": copies that are missing come back by themselves when their nodes are there";
                    case SYNC_AT_MINIMUM ->
                        ": with one more copy lost its clients wait; copies that are missing come back by themselves when"
                                + " their nodes are there";
                    case SYNC_HEALTHY, SYNC_STATE_UNSPECIFIED, UNRECOGNIZED -> "";
                };
    }
}
