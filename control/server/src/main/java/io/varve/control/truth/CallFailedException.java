package io.varve.control.truth;

import io.vertx.grpc.common.GrpcStatus;

/** A call that was not answered as asked; the message is for people. UNAVAILABLE and DEADLINE_EXCEEDED: it may have happened. */
public final class CallFailedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final GrpcStatus status;

    public CallFailedException(GrpcStatus status, String message) {
        super(message);
        this.status = status;
    }

    public GrpcStatus status() {
        return status;
    }

    /** Whether another server may do better. */
    boolean isWorthAnotherServer() {
        return status == GrpcStatus.UNAVAILABLE || status == GrpcStatus.DEADLINE_EXCEEDED;
    }
}
