package io.varve.csi;

import io.varve.api.GetVolumeRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Publication;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.Volume;
import io.varve.csi.spec.NodeExpandVolumeRequest;
import io.varve.csi.spec.NodeExpandVolumeResponse;
import io.varve.csi.spec.NodeGetCapabilitiesResponse;
import io.varve.csi.spec.NodeGetInfoResponse;
import io.varve.csi.spec.NodeGetVolumeStatsRequest;
import io.varve.csi.spec.NodeGetVolumeStatsResponse;
import io.varve.csi.spec.NodePublishVolumeRequest;
import io.varve.csi.spec.NodePublishVolumeResponse;
import io.varve.csi.spec.NodeServiceCapability;
import io.varve.csi.spec.NodeStageVolumeRequest;
import io.varve.csi.spec.NodeStageVolumeResponse;
import io.varve.csi.spec.NodeUnpublishVolumeRequest;
import io.varve.csi.spec.NodeUnpublishVolumeResponse;
import io.varve.csi.spec.NodeUnstageVolumeRequest;
import io.varve.csi.spec.NodeUnstageVolumeResponse;
import io.varve.csi.spec.VolumeCapability;
import io.varve.csi.spec.VolumeUsage;
import io.varve.model.VolumeName;
import io.vertx.grpc.common.GrpcStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The Node service: attaches, formats and mounts on this machine. Each call may be repeated, also after it was killed in its middle. */
final class NodeCalls {
    private static final Duration CLUSTER_LIMIT = Duration.ofSeconds(20);

    /** Loop devices and FUSE mounts of one machine are many more; a process with a JVM for each volume is what bounds it. */
    static final int DEFAULT_MAX_VOLUMES = 64;

    private final String node;
    private final String zone;
    private final int maxVolumes;
    private final Path directory;
    private final Cluster cluster;
    private final Attach attach;
    private final Mounts mounts;
    private final Pending pending = new Pending();

    /** {@code directory}: of state, on this node's own disk. */
    NodeCalls(String node, String zone, int maxVolumes, Path directory, Cluster cluster, Attach attach, Mounts mounts) {
        this.node = node;
        this.zone = zone;
        this.maxVolumes = maxVolumes;
        this.directory = directory;
        this.cluster = cluster;
        this.attach = attach;
        this.mounts = mounts;
    }

    NodeGetInfoResponse info() {
        return NodeGetInfoResponse.newBuilder()
                .setNodeId(node)
                .setMaxVolumesPerNode(maxVolumes)
                .setAccessibleTopology(Topologies.of(node, zone))
                .build();
    }

    static NodeGetCapabilitiesResponse capabilities() {
        NodeGetCapabilitiesResponse.Builder all = NodeGetCapabilitiesResponse.newBuilder();
        Stream.of(
                        NodeServiceCapability.RPC.Type.STAGE_UNSTAGE_VOLUME,
                        NodeServiceCapability.RPC.Type.GET_VOLUME_STATS,
                        NodeServiceCapability.RPC.Type.EXPAND_VOLUME,
                        NodeServiceCapability.RPC.Type.SINGLE_NODE_MULTI_WRITER)
                .forEach(type -> all.addCapabilities(NodeServiceCapability.newBuilder()
                        .setRpc(NodeServiceCapability.RPC.newBuilder().setType(type))));
        return all.build();
    }

    // ------------------------------------------------------------------ stage

    NodeStageVolumeResponse stage(NodeStageVolumeRequest request) {
        String volume = CsiFailure.required(request.getVolumeId(), "volume_id");
        String path = CsiFailure.required(request.getStagingTargetPath(), "staging_target_path");
        if (!request.hasVolumeCapability()) {
            throw CsiFailure.invalid("volume_capability is missing");
        }
        VolumeCapability capability = request.getVolumeCapability();
        Capabilities.require(capability);
        Parameters parameters = Parameters.ofContext(request.getVolumeContextMap());
        StagedVolume wanted = wanted(volume, path, capability, parameters);
        return pending.alone(volume, () -> {
            require(volume);
            Optional<StagedVolume> before = StagedVolume.read(directory, volume);
            if (before.isPresent() && !before.get().isLike(wanted)) {
                throw new CsiFailure(
                        GrpcStatus.ALREADY_EXISTS,
                        "volume '" + volume + "' is staged at " + before.get().stagingPath()
                                + " with another capability");
            }
            if (before.isEmpty()) {
                wanted.write(directory);
            }
            try {
                StagedVolume staged = underPublication(
                        before.orElse(wanted),
                        tell(volume, true).getPublication().getEpoch());
                Attach.Device device = attached(staged);
                if (!wanted.isBlock()) {
                    mounts.mountDevice(
                            device.path(), wanted, capability.getMount().getMountFlagsList(), parameters);
                }
            } catch (RuntimeException failure) {
                undo(volume, failure);
                throw failure;
            }
            return NodeStageVolumeResponse.getDefaultInstance();
        });
    }

    /**
     * After a failure that the kubelet takes for final it does not call NodeUnstageVolume: what is staged then, is for ever. After another failure it
     * does, or repeats the stage; and what is mounted is in use since an earlier stage.
     */
    private void undo(String volume, RuntimeException failure) {
        if ((failure instanceof CsiFailure refused && !refused.isFinal()) || isMounted(volume)) {
            return;
        }
        try {
            letGo(volume);
        } catch (RuntimeException e) {
            throw new CsiFailure(
                    GrpcStatus.UNAVAILABLE,
                    failure.getMessage() + "; what was done before cannot be undone now: " + e.getMessage());
        }
    }

    private boolean isMounted(String volume) {
        return attach.find(volume)
                .filter(device -> !MountTable.now().pointsOf(device.path()).isEmpty())
                .isPresent();
    }

    /** What is here of another publication was fenced, and is of no use. */
    private StagedVolume underPublication(StagedVolume before, int publication) {
        if (before.publication() == publication) {
            return before;
        }
        removeRemains(before);
        StagedVolume staged = new StagedVolume(
                        before.volume(), before.stagingPath(), before.fsType(), before.readOnly(), before.onePodOnly())
                .under(publication);
        staged.write(directory);
        return staged;
    }

    /** Where a former attach of the volume has died its device is gone, and what is mounted from it cannot be used any more. */
    private Attach.Device attached(StagedVolume staged) {
        Optional<Attach.Device> there = attach.find(staged.volume());
        if (there.isPresent()) {
            return there.get();
        }
        if (!staged.isBlock()) {
            mounts.unmountAll(Path.of(staged.stagingPath()));
        }
        return attach.attach(staged.volume(), staged.publication());
    }

    private static StagedVolume wanted(String volume, String path, VolumeCapability capability, Parameters parameters) {
        String kind = Capabilities.isBlock(capability)
                ? ""
                : capability.getMount().getFsType().isEmpty()
                        ? parameters.fileSystem().kind()
                        : capability.getMount().getFsType();
        return new StagedVolume(
                volume, path, kind, Capabilities.isReadOnly(capability), Capabilities.isOnePodOnly(capability));
    }

    private void require(String volume) {
        if (!VolumeName.isValid(volume)) {
            throw CsiFailure.notFound(volume);
        }
        get(volume);
    }

    private Volume get(String volume) {
        return cluster.ask(
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName(volume).build(),
                CLUSTER_LIMIT);
    }

    /** The cluster remembers that the volume is in use here, so that it is not handed to another node without proof. */
    private Volume tell(String volume, boolean staged) {
        return cluster.ask(
                ManagementGrpcClient.PublishVolume,
                PublishVolumeRequest.newBuilder()
                        .setName(volume)
                        .setNode(node)
                        .setState(staged ? PublishVolumeRequest.State.STAGED : PublishVolumeRequest.State.UNSTAGED)
                        .build(),
                CLUSTER_LIMIT);
    }

    NodeUnstageVolumeResponse unstage(NodeUnstageVolumeRequest request) {
        String volume = CsiFailure.required(request.getVolumeId(), "volume_id");
        Path path = Path.of(CsiFailure.required(request.getStagingTargetPath(), "staging_target_path"));
        if (!VolumeName.isValid(volume)) {
            return NodeUnstageVolumeResponse.getDefaultInstance();
        }
        return pending.alone(volume, () -> {
            mounts.unmountAll(path);
            letGo(volume);
            return NodeUnstageVolumeResponse.getDefaultInstance();
        });
    }

    /** The cluster is told whatever this machine remembers: its disk may have been replaced since it said STAGED. */
    private void letGo(String volume) {
        attach.detach(volume);
        try {
            tell(volume, false);
        } catch (CsiFailure gone) {
            if (gone.status() != GrpcStatus.NOT_FOUND) {
                throw gone;
            }
        }
        StagedVolume.remove(directory, volume);
    }

    // ------------------------------------------------------------------ fenced

    /** What was staged here, and is attached no longer. */
    List<String> withoutAttach() {
        return StagedVolume.all(directory).stream()
                .map(StagedVolume::volume)
                .filter(volume -> attach.find(volume).isEmpty())
                .toList();
    }

    /**
     * Removes what is left of a volume that was taken from this node while it could not be asked: it was off, frozen, or out of reach. Its attach is
     * refused everywhere, and has ended by itself; what hangs on its device is of no use any more. False: it was not taken, and nothing was done.
     */
    boolean removeIfFenced(String volume) {
        return pending.alone(volume, () -> {
            Optional<StagedVolume> staged = StagedVolume.read(directory, volume).filter(this::isFenced);
            staged.ifPresent(this::removeRemains);
            staged.ifPresent(each -> StagedVolume.remove(directory, volume));
            return staged.isPresent();
        });
    }

    private boolean isFenced(StagedVolume staged) {
        Publication now;
        try {
            now = get(staged.volume()).getPublication();
        } catch (CsiFailure refused) {
            if (refused.status() == GrpcStatus.NOT_FOUND) {
                return true;
            }
            throw refused;
        }
        // A stage that was killed before the cluster had answered is the kubelet's to repeat or to undo.
        return !now.getNode().equals(node) || (staged.publication() != 0 && now.getEpoch() != staged.publication());
    }

    private void removeRemains(StagedVolume staged) {
        staged.targets().forEach(target -> mounts.cutOff(Path.of(target)));
        attach.remains(staged.volume()).forEach(mounts::cutOff);
        attach.detach(staged.volume());
    }

    // ------------------------------------------------------------------ publish

    NodePublishVolumeResponse publish(NodePublishVolumeRequest request) {
        String volume = CsiFailure.required(request.getVolumeId(), "volume_id");
        Path target = Path.of(CsiFailure.required(request.getTargetPath(), "target_path"));
        if (!request.hasVolumeCapability()) {
            throw CsiFailure.invalid("volume_capability is missing");
        }
        VolumeCapability capability = request.getVolumeCapability();
        Capabilities.require(capability);
        if (request.getStagingTargetPath().isEmpty()) {
            throw CsiFailure.precondition("staging_target_path is missing: NodeStageVolume comes first");
        }
        return pending.alone(volume, () -> {
            require(volume);
            StagedVolume staged = StagedVolume.read(directory, volume)
                    .filter(each -> each.stagingPath().equals(request.getStagingTargetPath()))
                    .orElseThrow(() -> CsiFailure.precondition(
                            "volume '" + volume + "' is not staged at " + request.getStagingTargetPath()));
            if (staged.isBlock() != Capabilities.isBlock(capability)) {
                throw CsiFailure.invalid("volume '" + volume + "' is staged "
                        + (staged.isBlock() ? "as a block device" : "with a file system") + ", not as asked for");
            }
            Attach.Device device = attach.find(volume)
                    .orElseThrow(() ->
                            CsiFailure.precondition("volume '" + volume + "' is attached no longer: stage it again"));
            boolean readOnly = request.getReadonly() || staged.readOnly();
            if (staged.onePodOnly()) {
                requireAlone(MountTable.now(), staged, device.path(), target);
            }
            if (staged.isBlock()) {
                staged.with(target.toString()).write(directory);
                mounts.bindDevice(device.path(), target, readOnly);
            } else {
                mounts.bindDirectory(
                        device.path(),
                        Path.of(staged.stagingPath()),
                        target,
                        readOnly,
                        capability.getMount().getMountFlagsList());
            }
            return NodePublishVolumeResponse.getDefaultInstance();
        });
    }

    /** What is there already stays: after a restart the kubelet publishes again, and containers with a subPath have the device at further places. */
    static void requireAlone(MountTable mounts, StagedVolume staged, String device, Path target) {
        if (mounts.at(target).filter(at -> at.isOf(device)).isPresent()) {
            return;
        }
        for (String point : mounts.pointsOf(device)) {
            if (!point.equals(staged.stagingPath()) && !point.equals(target.toString())) {
                throw CsiFailure.precondition(
                        "volume '" + staged.volume() + "' is for one pod only, and is at " + point);
            }
        }
    }

    NodeUnpublishVolumeResponse unpublish(NodeUnpublishVolumeRequest request) {
        String volume = CsiFailure.required(request.getVolumeId(), "volume_id");
        Path target = Path.of(CsiFailure.required(request.getTargetPath(), "target_path"));
        return pending.alone(volume, () -> {
            mounts.unmountAll(target);
            Mounts.remove(target);
            forget(volume, target.toString());
            return NodeUnpublishVolumeResponse.getDefaultInstance();
        });
    }

    private void forget(String volume, String target) {
        if (VolumeName.isValid(volume)) {
            StagedVolume.read(directory, volume)
                    .filter(staged -> staged.targets().contains(target))
                    .ifPresent(staged -> staged.without(target).write(directory));
        }
    }

    // ------------------------------------------------------------------ what is there, and how large

    NodeGetVolumeStatsResponse stats(NodeGetVolumeStatsRequest request) {
        String volume = CsiFailure.required(request.getVolumeId(), "volume_id");
        Path path = Path.of(CsiFailure.required(request.getVolumePath(), "volume_path"));
        StagedVolume staged = staged(volume);
        Attach.Device device = attach.find(volume)
                .orElseThrow(() -> new CsiFailure(
                        GrpcStatus.INTERNAL, "volume '" + volume + "' is attached no longer: its attach has ended"));
        if (MountTable.now().at(path).filter(at -> at.isOf(device.path())).isEmpty()
                && !path.toString().equals(staged.stagingPath())) {
            throw new CsiFailure(GrpcStatus.NOT_FOUND, "volume '" + volume + "' is not at " + path);
        }
        if (staged.isBlock()) {
            return NodeGetVolumeStatsResponse.newBuilder()
                    .addUsage(VolumeUsage.newBuilder()
                            .setUnit(VolumeUsage.Unit.BYTES)
                            .setTotal(device.sizeBytes()))
                    .build();
        }
        return mounts.usage(path);
    }

    private StagedVolume staged(String volume) {
        if (!VolumeName.isValid(volume)) {
            throw CsiFailure.notFound(volume);
        }
        return StagedVolume.read(directory, volume)
                .orElseThrow(() ->
                        new CsiFailure(GrpcStatus.NOT_FOUND, "volume '" + volume + "' is not staged on node " + node));
    }

    NodeExpandVolumeResponse expand(NodeExpandVolumeRequest request) {
        String volume = CsiFailure.required(request.getVolumeId(), "volume_id");
        Path path = Path.of(CsiFailure.required(request.getVolumePath(), "volume_path"));
        long required = request.getCapacityRange().getRequiredBytes();
        return pending.alone(volume, () -> {
            StagedVolume staged = staged(volume);
            Attach.Device device = grown(volume, required);
            List<String> points = MountTable.now().pointsOf(device.path());
            if (!points.contains(path.toString()) && !path.toString().equals(staged.stagingPath())) {
                throw new CsiFailure(GrpcStatus.NOT_FOUND, "volume '" + volume + "' is not at " + path);
            }
            if (!staged.isBlock() && !staged.readOnly()) {
                new Command(FileSystem.of(staged.fsType()).orElseThrow().grow(device.path(), staged.stagingPath()))
                        .must();
            }
            return NodeExpandVolumeResponse.newBuilder()
                    .setCapacityBytes(device.sizeBytes())
                    .build();
        });
    }

    /** The device follows the volume by itself, a moment later. */
    private Attach.Device grown(String volume, long required) {
        Attach.Device device = attach.await(volume, required, CLUSTER_LIMIT)
                .orElseThrow(() -> new CsiFailure(
                        GrpcStatus.INTERNAL, "volume '" + volume + "' is attached no longer: its attach has ended"));
        if (device.sizeBytes() < required) {
            throw new CsiFailure(
                    GrpcStatus.DEADLINE_EXCEEDED,
                    device.path() + " has " + device.sizeBytes() + " bytes, not yet " + required
                            + "; the log of its attach says why");
        }
        return device;
    }
}
