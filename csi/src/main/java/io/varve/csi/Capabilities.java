package io.varve.csi;

import io.varve.csi.spec.VolumeCapability;
import java.util.List;
import java.util.Optional;

/** How a volume may be used: what is asked for, judged. Pure. */
final class Capabilities {
    private Capabilities() {}

    /** Refuses the first of them that cannot be served. */
    static void require(List<VolumeCapability> asked) {
        if (asked.isEmpty()) {
            throw CsiFailure.invalid("volume_capabilities are missing");
        }
        asked.forEach(Capabilities::require);
    }

    static void require(VolumeCapability asked) {
        objection(asked).ifPresent(why -> {
            throw CsiFailure.invalid(why);
        });
    }

    /** Why a volume cannot be used like that; empty when it can. */
    static Optional<String> objection(VolumeCapability asked) {
        switch (asked.getAccessTypeCase()) {
            case ACCESSTYPE_NOT_SET -> {
                return Optional.of("volume_capability names no access type: mount or block");
            }
            case MOUNT -> {
                String kind = asked.getMount().getFsType();
                if (!kind.isEmpty() && FileSystem.of(kind).isEmpty()) {
                    return Optional.of("fs_type is '" + kind + "'; allowed: " + FileSystem.names());
                }
            }
            case BLOCK -> {}
        }
        return switch (asked.getAccessMode().getMode()) {
            case SINGLE_NODE_WRITER, SINGLE_NODE_READER_ONLY, SINGLE_NODE_SINGLE_WRITER, SINGLE_NODE_MULTI_WRITER ->
                Optional.empty();
            case MULTI_NODE_READER_ONLY, MULTI_NODE_SINGLE_WRITER, MULTI_NODE_MULTI_WRITER ->
                Optional.of("access mode " + asked.getAccessMode().getMode()
                        + " is not supported: a volume is used on one node at a time; use ReadWriteOnce or"
                        + " ReadWriteOncePod");
            case UNKNOWN, UNRECOGNIZED -> Optional.of("volume_capability names no access mode");
        };
    }

    static boolean isBlock(VolumeCapability asked) {
        return asked.getAccessTypeCase() == VolumeCapability.AccessTypeCase.BLOCK;
    }

    static boolean isReadOnly(VolumeCapability asked) {
        return asked.getAccessMode().getMode() == VolumeCapability.AccessMode.Mode.SINGLE_NODE_READER_ONLY;
    }

    /** Whether a second target on the node is refused. */
    static boolean isOnePodOnly(VolumeCapability asked) {
        return asked.getAccessMode().getMode() == VolumeCapability.AccessMode.Mode.SINGLE_NODE_SINGLE_WRITER;
    }
}
