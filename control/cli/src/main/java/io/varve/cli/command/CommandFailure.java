package io.varve.cli.command;

import io.varve.cli.client.CallResult;
import io.vertx.grpc.common.GrpcStatus;
import java.io.Serial;

/** Ends a command: thrown by it and turned into a message and an exit code by {@link RootCommand}, nowhere else. */
public final class CommandFailure extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    private final int exitCode;
    private final String remedy;

    /**
     * @param exitCode from {@link ExitCode}
     * @param message what was wrong
     * @param remedy what to do; may be empty
     */
    public CommandFailure(int exitCode, String message, String remedy) {
        super(message);
        this.exitCode = exitCode;
        this.remedy = remedy;
    }

    public int exitCode() {
        return exitCode;
    }

    public String remedy() {
        return remedy;
    }

    /** The answer, or the failure thrown with the exit code that belongs to it. */
    public static <T> T orThrow(CallResult<T> result) {
        return switch (result) {
            case CallResult.Answered<T>(var value) -> value;
            case CallResult.Refused<T>(var status, var message) -> throw refused(status, message);
            case CallResult.Unreachable<T>(var reason) ->
                throw new CommandFailure(
                        ExitCode.UNREACHABLE,
                        "no server answered: " + reason,
                        "Name a node's management address with --server HOST:PORT or VARVE_SERVER, and check that the node runs.");
            case CallResult.Unknown<T>(var reason) ->
                throw new CommandFailure(
                        ExitCode.FAILED,
                        "no answer: " + reason,
                        "The request may have been carried out; look with 'varve status' before you repeat it.");
        };
    }

    private static CommandFailure refused(GrpcStatus status, String message) {
        var words = message.isEmpty() ? "the server refused and gave no reason (" + status.name() + ")" : message;
        return switch (status) {
            case NOT_FOUND -> new CommandFailure(ExitCode.NOT_FOUND, words, "");
            case INVALID_ARGUMENT -> new CommandFailure(ExitCode.USAGE, words, "");
            case UNIMPLEMENTED ->
                new CommandFailure(
                        ExitCode.FAILED,
                        "the server does not know this call",
                        "Client and server differ in version: compare 'varve version' with 'varve node list'.");
            case UNAVAILABLE -> new CommandFailure(ExitCode.UNREACHABLE, words, "");
            default -> new CommandFailure(ExitCode.FAILED, words, "");
        };
    }
}
