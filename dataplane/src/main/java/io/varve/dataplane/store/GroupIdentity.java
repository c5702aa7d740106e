package io.varve.dataplane.store;

import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** To whom a disk group belongs. Compared with every superblock when it is opened. */
public record GroupIdentity(UUID cluster, String nodeId, UUID group) {
    /** The node's id as superblocks keep it. */
    UUID node() {
        return UUID.nameUUIDFromBytes(nodeId.getBytes(StandardCharsets.UTF_8));
    }
}
