package io.varve.cli.command;

import io.varve.cli.client.ManagementConnection;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;

/**
 * Questions of a command that waits for something and asks again and again. That a server goes away meanwhile, that a node leaves the metadata group, or an
 * election: none of it is a reason to give up, and a question may be asked twice. One thread.
 */
final class Looks implements AutoCloseable {
    /** Longer than any election; a cluster that answers nothing for so long has to be told of. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private static final Duration AGAIN = Duration.ofSeconds(1);

    private final ManagementConnection connection;
    private final Duration patience;
    private final Duration again;

    /** The server that is asked first. */
    private int first;

    Looks(ManagementConnection connection) {
        this(connection, PATIENCE, AGAIN);
    }

    Looks(ManagementConnection connection, Duration patience, Duration again) {
        this.connection = connection;
        this.patience = patience;
        this.again = again;
    }

    /**
     * The answer, a refusal as the command's end, or the last failure: after a minute without any answer, or at the command's own end.
     *
     * @param endNanos by {@link System#nanoTime}; at least one question is asked
     */
    <Q, R> R look(ServiceMethod<R, Q> method, Q question, long endNanos) throws InterruptedException {
        var begun = System.nanoTime();
        while (true) {
            var result = connection.call(method, question, RootCommand.CALL_LIMIT, first);
            var now = System.nanoTime();
            if (!result.isNobodyThere() || now - begun > patience.toNanos() || now - endNanos >= 0) {
                return CommandFailure.orThrow(result);
            }
            // One that is cut off from the others takes every question, and knows nothing.
            first = (first + 1) % connection.servers().size();
            Thread.sleep(again);
        }
    }

    @Override
    public void close() {
        connection.close();
    }
}
