package io.varve.control.api;

import io.varve.control.meta.MetaResult;
import io.varve.control.raft.MetaUnavailableException;
import io.varve.control.raft.StoreClosedException;
import io.varve.control.truth.CallFailedException;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.server.StatusException;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How what went wrong is told to a gRPC caller: a status and a message that names it. */
final class Failures {
    private static final Logger LOG = LoggerFactory.getLogger(Failures.class);

    private Failures() {}

    /** The failure as the caller gets it. What nobody foresaw is logged here and told without its insides. */
    static StatusException status(Throwable failure) {
        return switch (failure) {
            case StatusException told -> told;
            case RefusedException refused -> new StatusException(refused.status(), refused.getMessage());
            case CallFailedException call -> new StatusException(call.status(), call.getMessage());
            case MetaUnavailableException down -> new StatusException(GrpcStatus.UNAVAILABLE, down.getMessage());
            case StoreClosedException closed -> new StatusException(GrpcStatus.UNAVAILABLE, closed.getMessage());
            case CompletionException wrapped when wrapped.getCause() != null -> status(wrapped.getCause());
            default -> {
                LOG.error("request failed", failure);
                yield new StatusException(
                        GrpcStatus.INTERNAL, "internal error: " + failure + "; the log of this node has more");
            }
        };
    }

    /** The result, or its message as a refusal. */
    static Future<MetaResult> demandOk(MetaResult result) {
        return switch (result.code()) {
            case TRUTH_OK -> Future.succeededFuture(result);
            case TRUTH_UNKNOWN -> Future.failedFuture(new RefusedException(GrpcStatus.NOT_FOUND, result.message()));
            case TRUTH_STALE_EPOCH, TRUTH_STALE_GEN ->
                Future.failedFuture(new RefusedException(GrpcStatus.ABORTED, result.message()));
            case TRUTH_REFUSED, UNRECOGNIZED -> Future.failedFuture(new RefusedException(result.message()));
        };
    }
}
