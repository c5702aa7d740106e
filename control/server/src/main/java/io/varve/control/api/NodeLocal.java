package io.varve.control.api;

import io.varve.api.AddDiskRequest;
import io.varve.api.DiskGroup;
import io.varve.api.NodeDiagnostics;
import io.varve.api.NodeStats;
import io.varve.api.RetryDiskRequest;
import io.varve.api.RetryDiskResponse;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.vertx.core.Future;

/**
 * What only this node's data plane can say or do. Called on the management server's event loop; must not block it. Failures
 * whose message is for people are reported as {@link RefusedException}.
 */
public interface NodeLocal {
    /** Live figures of this node. */
    Future<NodeStats> stats();

    /** What this process knows of itself, without secrets and of bounded size. */
    Future<NodeDiagnostics> diagnostics();

    /** Takes a disk into a group of this node, for good; answers with the group as it then is. */
    Future<DiskGroup> addDevice(AddDiskRequest request);

    /** Opens disk groups of this node anew that do not serve; answers with what has become of each. */
    Future<RetryDiskResponse> retryDevice(RetryDiskRequest request);

    /**
     * Compares the replicas of a volume that is attached here, block by block.
     *
     * @param progress takes one report after another; the next may follow when its future completes
     * @return completes after the last report
     */
    Future<Void> verify(VerifyVolumeRequest request, Progress progress);

    /** Takes reports; fails when nobody listens any more. */
    @FunctionalInterface
    interface Progress {
        Future<Void> report(VerifyProgress progress);
    }
}
