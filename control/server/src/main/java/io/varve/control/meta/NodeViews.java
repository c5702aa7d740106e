package io.varve.control.meta;

import com.google.protobuf.ByteString;
import io.varve.api.DiskGroup;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.api.NodeView;
import io.varve.api.ReplicaPhase;
import io.varve.api.RevokedCertificates;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.RevokedRecord;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What one node needs to see of the truth. */
public final class NodeViews {
    /** A message may have 32 MiB, and one volume's slabs take up to some 10. */
    public static final long PART_BYTES = 8 << 20;

    private static final int MAX_OTHERS = 64;
    private static final Comparator<Volume> BY_ID = Comparator.comparing(Volume::getId, Long::compareUnsigned);

    private NodeViews() {}

    /** Volumes with a replica on the node, wanted or attached there, and every group that holds a replica of those. */
    public static NodeView of(MetaState state, String node, long copyShare) {
        return of(state, node, copyShare, 0, Long.MAX_VALUE);
    }

    /**
     * A part of that.
     *
     * @param copyShare see {@link #copyShare}
     * @param afterVolume only volumes with higher ids
     * @param partBytes when it has so many, the rest is left for the next part
     */
    public static NodeView of(MetaState state, String node, long copyShare, long afterVolume, long partBytes) {
        NodeView.Builder view = begun(state, copyShare)
                .setIndex(Math.max(0, state.applied().index()))
                .setAfterVolume(afterVolume);
        List<Volume> further = state.volumes().stream()
                .filter(volume -> Long.compareUnsigned(volume.getId(), afterVolume) > 0)
                .sorted(BY_ID)
                .toList();
        addVolumes(view, state, node, further, partBytes);
        return view.build();
    }

    /**
     * Of the same only what a node lacks that has the whole view of an earlier index.
     *
     * @param index up to which the volumes named are all that changed; what the state holds beyond it is named another time
     * @param changed volumes, whomever they concern
     * @return empty: it has more than {@code mostBytes}
     */
    public static Optional<NodeView> since(
            MetaState state, String node, long copyShare, long index, Set<Long> changed, long mostBytes) {
        NodeView.Builder view = begun(state, copyShare)
                .setIndex(Math.min(index, state.applied().index()))
                .setPartial(true);
        List<Volume> there = changed.stream()
                .flatMap(id -> state.volume(id).stream())
                .sorted(BY_ID)
                .toList();
        addVolumes(view, state, node, there, mostBytes);
        Set<Long> here = view.getVolumesList().stream().map(Volume::getId).collect(Collectors.toSet());
        changed.stream().filter(id -> !here.contains(id)).sorted().forEach(view::addGone);
        return view.getMore() ? Optional.empty() : Optional.of(view.build());
    }

    /** Tells a cluster's indexes from those of another one of the same nodes: that which was lost before it was recovered. */
    public static long history(MetaState state) {
        ByteString key = state.cluster().map(ClusterRecord::getMembershipKey).orElse(ByteString.EMPTY);
        if (key.isEmpty()) {
            return 0;
        }
        try {
            return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(key.toByteArray()))
                    .getLong();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What is in every view. */
    private static NodeView.Builder begun(MetaState state, long copyShare) {
        NodeView.Builder view = NodeView.newBuilder()
                .setChanged(true)
                .setCopyLimitBytesPerSecond(copyShare)
                .setStateIndex(Math.max(0, state.applied().index()))
                .setHistory(history(state));
        for (RevokedRecord revoked : state.revoked()) {
            view.addRevoked(
                    RevokedCertificates.newBuilder().setNode(revoked.getName()).setUnixMillis(revoked.getUnixMillis()));
        }
        state.metadata().ifPresent(group -> view.setMetadata(withOthers(state, group)));
        return view;
    }

    private static void addVolumes(
            NodeView.Builder view, MetaState state, String node, List<Volume> volumes, long partBytes) {
        Set<String> own = new HashSet<>();
        for (DiskGroup group : state.groups()) {
            if (group.getNode().equals(node)) {
                own.add(group.getUuid());
            }
        }
        Map<String, DiskGroup> groups = new LinkedHashMap<>();
        long bytes = 0;
        for (Volume volume : volumes) {
            if (bytes >= partBytes) {
                view.setMore(true);
                break;
            }
            List<Slab> slabs = state.slabs(volume.getId());
            if (concerns(volume, slabs, node, own)) {
                Volume whole = volume.toBuilder()
                        .addAllSlabs(slabs)
                        .setCopyLimitBytesPerSecond(view.getCopyLimitBytesPerSecond())
                        .build();
                view.addVolumes(whole);
                bytes += whole.getSerializedSize();
                state.groupsOf(slabs).forEach(group -> groups.put(group.getUuid(), group));
            }
        }
        view.addAllGroups(groups.values());
    }

    /** And other nodes, to be asked who the members are when none of those that are known answers. */
    private static MetadataGroup withOthers(MetaState state, MetadataGroup group) {
        return group.toBuilder()
                .addAllOthers(state.nodes().stream()
                        .filter(node -> !GroupRules.isMember(group, node.getId()))
                        .map(Node::getManagementAddress)
                        .filter(address -> !address.isEmpty())
                        .limit(MAX_OTHERS)
                        .toList())
                .build();
    }

    /**
     * What the access point of one volume may give to copies that it fills, when the cluster has a limit: as much as every other one that fills any
     * now. As of this view; a volume that begins or ends meanwhile is counted in the next.
     */
    public static long copyShare(MetaState state) {
        long limit = Settings.of(state.cluster()).limitBytesPerSecond();
        if (limit == 0) {
            return 0;
        }
        long filling = state.volumes().stream()
                .filter(Volume::hasAttachment)
                .filter(volume -> state.slabs(volume.getId()).stream().anyMatch(NodeViews::isFilling))
                .count();
        return Math.max(1, limit / Math.max(1, filling));
    }

    private static boolean isFilling(Slab slab) {
        return slab.getReplicasList().stream()
                .anyMatch(replica -> replica.getPhase() == ReplicaPhase.REPLICA_CREATED
                        && !slab.getIsrList().contains(replica.getGroup()));
    }

    private static boolean concerns(Volume volume, List<Slab> slabs, String node, Set<String> own) {
        return volume.getWantedNode().equals(node)
                || volume.getAttachment().getNode().equals(node)
                || Stream.concat(slabs.stream(), volume.getGrowth().getSlabsList().stream())
                        .flatMap(slab -> slab.getReplicasList().stream())
                        .anyMatch(replica -> own.contains(replica.getGroup()));
    }
}
