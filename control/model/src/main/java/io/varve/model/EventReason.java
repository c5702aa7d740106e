package io.varve.model;

import java.util.Optional;

/**
 * Why an event was written: one line for each kind of thing that {@code varve events} tells. Scripts rely on the names: never reuse one for something
 * else. docs/internals/events.md tells how to add one.
 */
public enum EventReason {
    CLUSTER_MADE("ClusterMade", Severity.INFO, ""),
    METADATA_RECOVERED(
            "MetadataRecovered",
            Severity.WARNING,
            "look at varve status; revoke tokens that were revoked since the backup"),
    METADATA_MEMBERS("MetadataMembersChanged", Severity.INFO, ""),
    NODE_JOINED("NodeJoined", Severity.INFO, ""),
    NODE_STARTED("NodeStarted", Severity.INFO, ""),
    NODE_STOPPING("NodeStopping", Severity.INFO, ""),
    NODE_SILENT("NodeSilent", Severity.WARNING, "start it, or look at its log"),
    NODE_BACK("NodeBack", Severity.INFO, ""),
    NODE_DRAINED("NodeDrained", Severity.INFO, ""),
    NODE_REMOVED("NodeRemoved", Severity.INFO, ""),
    SETTINGS_CHANGED("SettingsChanged", Severity.INFO, ""),
    GROUP_ADDED("GroupAdded", Severity.INFO, ""),
    GROUP_EVICTED("GroupEvicted", Severity.INFO, ""),
    GROUP_REMOVED("GroupRemoved", Severity.INFO, ""),
    DISK_FAILED("DiskFailed", Severity.ERROR, "replace the disk; the other copies go on"),
    DISK_WELL("DiskWell", Severity.INFO, ""),
    DISK_REOPENED("DiskReopened", Severity.WARNING, "look at the disk's own health; replace it when it goes on"),
    SPACE_LOW("SpaceLow", Severity.WARNING, "trim or delete, or add disks: varve disk add"),
    SPACE_FULL(
            "SpaceFull", Severity.ERROR, "trim or delete, or add disks; writes that need new space are refused there"),
    SPACE_AGAIN("SpaceAgain", Severity.INFO, ""),
    VOLUME_CREATED("VolumeCreated", Severity.INFO, ""),
    VOLUME_RESIZED("VolumeResized", Severity.INFO, ""),
    VOLUME_NO_ROOM(
            "VolumeNoRoom",
            Severity.WARNING,
            "delete what is not needed, or add disks: varve disk add; then ask again"),
    VOLUME_DELETED("VolumeDeleted", Severity.INFO, ""),
    VOLUME_MOVED("VolumeMoved", Severity.INFO, ""),
    VOLUME_OPENED("VolumeOpened", Severity.INFO, ""),
    VOLUME_DETACHED("VolumeDetached", Severity.INFO, ""),
    VOLUME_TAKEN_OVER("VolumeTakenOver", Severity.INFO, ""),
    VOLUME_FENCED(
            "VolumeFenced",
            Severity.WARNING,
            "nothing, if its pods run elsewhere; that node cleans up when it is back"),
    VOLUME_INTERRUPTED("VolumeInterrupted", Severity.WARNING, "nothing: it is opened again by itself"),
    VOLUME_NOT_OPENED(
            "VolumeNotOpened", Severity.WARNING, "varve volume show tells what it waits for; it is tried again"),
    COPIES_LEFT("CopiesLeft", Severity.WARNING, "nothing, if its node comes back: so do they; varve status tells"),
    COPIES_JOINED("CopiesJoined", Severity.INFO, ""),
    COPIES_PLACED("CopiesPlaced", Severity.INFO, ""),
    COPIES_RETIRED("CopiesRetired", Severity.INFO, ""),
    BLOCKS_REPAIRED("BlocksRepaired", Severity.WARNING, "look at the disk's own health; replace it when it goes on");

    /** How much it concerns a person. */
    public enum Severity {
        /** The ordinary course of things. */
        INFO,
        /** Data is less safe, or somebody waited; it mends itself or soon will. */
        WARNING,
        /** A person must act. */
        ERROR
    }

    private final String code;
    private final Severity severity;
    private final String remedy;

    EventReason(String code, Severity severity, String remedy) {
        this.code = code;
        this.severity = severity;
        this.remedy = remedy;
    }

    /** The name that people and scripts see. */
    public String code() {
        return code;
    }

    public Severity severity() {
        return severity;
    }

    /** What to do; empty: nothing. */
    public String remedy() {
        return remedy;
    }

    /** The reason of that name; empty for one of a later version. */
    public static Optional<EventReason> of(String code) {
        for (EventReason reason : values()) {
            if (reason.code.equals(code)) {
                return Optional.of(reason);
            }
        }
        return Optional.empty();
    }
}
