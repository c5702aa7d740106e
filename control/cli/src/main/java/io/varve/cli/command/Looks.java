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

    Looks(ManagementConnection connection) {
        this(connection, PATIENCE, AGAIN);
    }

    Looks(ManagementConnection connection, Duration patience, Duration again) {
        this.connection = connection;
        this.patience = patience;
        this.again = again;
    }

    /** The answer, a refusal as the command's end, or after a minute without any answer the last failure. */
    <Q, R> R look(ServiceMethod<R, Q> method, Q question) throws InterruptedException {
        var begun = System.nanoTime();
        while (true) {
            var result = connection.call(method, question, RootCommand.CALL_LIMIT);
            if (!result.isNobodyThere() || System.nanoTime() - begun > patience.toNanos()) {
                return CommandFailure.orThrow(result);
            }
            Thread.sleep(again);
        }
    }

    @Override
    public void close() {
        connection.close();
    }
}
