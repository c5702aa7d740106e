package io.varve.csi;

import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;

/** The management API of a cluster. Blocks; any thread but an event loop. */
@FunctionalInterface
public interface Cluster {
    /** The answer; a {@link CsiFailure} with the status that the cluster answered, or UNAVAILABLE when nobody did. */
    <Q, R> R ask(ServiceMethod<R, Q> method, Q request, Duration limit);
}
