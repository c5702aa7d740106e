package io.varve.cli.client;

import io.vertx.grpc.common.GrpcStatus;
import java.util.function.Function;

/**
 * How a call of the management API ended.
 *
 * @param <T> what it answers
 */
public sealed interface CallResult<T> {
    /** The server did what was asked. */
    record Answered<T>(T value) implements CallResult<T> {}

    /**
     * The server answered, and refused.
     *
     * @param message the server's own words for people; may be empty
     */
    record Refused<T>(GrpcStatus status, String message) implements CallResult<T> {}

    /**
     * No server took the request: nothing was done.
     *
     * @param reason what each server tried gave, for people
     */
    record Unreachable<T>(String reason) implements CallResult<T> {}

    /**
     * The request was sent and no answer came, in time or at all: it may have been carried out or not.
     *
     * @param reason for people
     */
    record Unknown<T>(String reason) implements CallResult<T> {}

    /** True if nobody could answer just now: a server that stops, an election, a network. A question may be asked again. */
    default boolean isNobodyThere() {
        return switch (this) {
            case Answered<T> answered -> false;
            case Refused<T>(var status, var message) -> status == GrpcStatus.UNAVAILABLE;
            case Unreachable<T> unreachable -> true;
            case Unknown<T> unknown -> true;
        };
    }

    /** Changes the answer, keeps a failure. */
    default <U> CallResult<U> map(Function<? super T, ? extends U> change) {
        return switch (this) {
            case Answered<T>(var value) -> new Answered<>(change.apply(value));
            case Refused<T>(var status, var message) -> new Refused<>(status, message);
            case Unreachable<T>(var reason) -> new Unreachable<>(reason);
            case Unknown<T>(var reason) -> new Unknown<>(reason);
        };
    }
}
