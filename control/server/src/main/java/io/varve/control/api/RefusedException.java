package io.varve.control.api;

import io.vertx.grpc.common.GrpcStatus;

/** What was asked cannot be done; the message says why and what to do, for people. */
public final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final GrpcStatus status;

    /** The ordinary refusal: the state of things forbids it. */
    public RefusedException(String message) {
        this(GrpcStatus.FAILED_PRECONDITION, message);
    }

    public RefusedException(GrpcStatus status, String message) {
        super(message);
        this.status = status;
    }

    public GrpcStatus status() {
        return status;
    }
}
