package io.varve.dataplane.main;

import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.metrics.VolumeCounters;
import io.varve.dataplane.replication.CopyProgress;
import io.varve.dataplane.store.DeviceLatency;
import io.varve.dataplane.store.StoreStats;
import io.varve.dataplane.store.StreamState;
import io.varve.model.Geometry;
import java.util.List;

/**
 * What a node's data plane is doing, as of one moment on each of its loops. {@code loopLag} and the counters go on counting: they may be read
 * from any thread.
 *
 * @param backend how devices are driven, and why
 */
public record NodeFigures(
        String backend,
        LatencyHistogram loopLag,
        List<Volume> volumes,
        List<Replica> replicas,
        List<Group> groups,
        Clients clients) {

    /** A volume attached or being attached here. */
    public record Volume(
            long id,
            String name,
            int epoch,
            String state,
            String detail,
            VolumeCounters counters,
            long repairedReads,
            List<CopyProgress> copies,
            long lateReads,
            long copiedBytes) {}

    /** One replica in one of this node's disk groups. */
    public record Replica(
            String group,
            long stream,
            long lastSeq,
            long durableSeq,
            long commitSeq,
            long appliedSeq,
            int promisedEpoch,
            int lastEpoch,
            boolean suspect,
            long allocatedBytes,
            long creationId,
            int blocks,
            boolean isComplete,
            long guaranteedBytes) {
        static Replica of(String group, StreamState state, long allocatedBytes) {
            return new Replica(
                    group,
                    state.stream(),
                    state.lastSeq(),
                    state.durableSeq(),
                    state.commitSeq(),
                    state.appliedSeq(),
                    state.promisedEpoch(),
                    state.lastEpoch(),
                    state.suspectFromSeq() != Long.MAX_VALUE,
                    allocatedBytes,
                    state.creationId(),
                    state.blocks(),
                    state.session() == 0,
                    (long) state.guaranteedBlocks() * Geometry.BLOCK_BYTES);
        }

        /**
         * One word: NEW, nobody attached it yet; SEALED, it promised an epoch whose access point has not opened; INSYNC, it has records of the epoch
         * that it promised, so that access point opened with it; SUSPECT, records of it may be damaged.
         */
        public String state() {
            if (suspect) {
                return "SUSPECT";
            }
            if (promisedEpoch == 0) {
                return "NEW";
            }
            return lastEpoch == promisedEpoch ? "INSYNC" : "SEALED";
        }
    }

    /** One disk group. {@code failure}: empty while it works. {@code slowDevices}: how many are much slower than they were. */
    public record Group(
            String uuid,
            String name,
            String failure,
            StoreStats stats,
            List<DeviceLatency> latencies,
            int slowDevices) {}

    /** NBD clients: connections open now, those closed at once because there were too many, and payload held in memory for all. */
    public record Clients(long connections, long refusedConnections, long heldBytes) {
        public static final Clients NONE = new Clients(0, 0, 0);

        Clients plus(Clients other) {
            return new Clients(
                    connections + other.connections,
                    refusedConnections + other.refusedConnections,
                    heldBytes + other.heldBytes);
        }
    }

    static NodeFigures merge(String backend, LatencyHistogram loopLag, List<NodeFigures> parts) {
        return new NodeFigures(
                backend,
                loopLag,
                parts.stream().flatMap(part -> part.volumes().stream()).toList(),
                parts.stream().flatMap(part -> part.replicas().stream()).toList(),
                parts.stream().flatMap(part -> part.groups().stream()).toList(),
                parts.stream().map(NodeFigures::clients).reduce(Clients.NONE, Clients::plus));
    }
}
