package io.varve.csi;

import io.vertx.grpc.common.GrpcStatus;

/** How a call is refused or fails: what the caller is told. The edge of a call, so an exception. */
public final class CsiFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final GrpcStatus status;

    /** {@code message}: for people, with what to do. No secrets. */
    public CsiFailure(GrpcStatus status, String message) {
        super(message);
        this.status = status;
    }

    public GrpcStatus status() {
        return status;
    }

    /** Whether the kubelet takes it for certain that nothing was done, and nothing goes on; else it asks again, or undoes. */
    boolean isFinal() {
        return switch (status) {
            case CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE -> false;
            default -> true;
        };
    }

    /** The call lacks something, or says what nobody can do. */
    static CsiFailure invalid(String message) {
        return new CsiFailure(GrpcStatus.INVALID_ARGUMENT, message);
    }

    static CsiFailure notFound(String volume) {
        return new CsiFailure(GrpcStatus.NOT_FOUND, "there is no volume '" + volume + "'");
    }

    static CsiFailure precondition(String message) {
        return new CsiFailure(GrpcStatus.FAILED_PRECONDITION, message);
    }

    static String required(String value, String field) {
        if (value.isEmpty()) {
            throw invalid(field + " is missing");
        }
        return value;
    }
}
