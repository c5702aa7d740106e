package io.varve.dataplane.wire;

/**
 * Who this process is, told in every HELLO.
 *
 * @param cluster UUID of the cluster
 * @param node id of the node, unique in the cluster
 * @param incarnation rises at every start of the node's process; one process for each node runs at a time, by an exclusive lock
 */
public record NodeIdentity(String cluster, String node, long incarnation) {
    private static final long FNV_OFFSET = 0xcbf29ce484222325L;
    private static final long FNV_PRIME = 0x100000001b3L;

    /** FNV-1a of the node's id: what a journal keeps of it. */
    public long nodeHash() {
        return hash(node);
    }

    public static long hash(String text) {
        long hash = FNV_OFFSET;
        for (byte b : text.getBytes(java.nio.charset.StandardCharsets.UTF_8)) {
            hash = (hash ^ (b & 0xff)) * FNV_PRIME;
        }
        return hash;
    }
}
