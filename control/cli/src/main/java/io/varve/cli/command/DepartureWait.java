package io.varve.cli.command;

import io.varve.api.CheckDepartureRequest;
import io.varve.api.Departure;
import io.varve.api.ManagementGrpcClient;
import io.varve.cli.output.ProgressBar;
import java.time.Duration;
import picocli.CommandLine.Option;

/** Waits until a node or a disk group is empty. Nothing is lost when it is interrupted: what is left to do stands in the cluster, not here. */
final class DepartureWait {
    private static final long LOOK_MILLIS = 1_000;

    @Option(names = "--wait", description = "Wait until it is empty, and show how far it is.")
    private boolean wait;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "24h",
            description = "Wait no longer. Default: 24h. It goes on behind.")
    private Duration timeout = Duration.ZERO;

    boolean isAsked() {
        return wait;
    }

    /**
     * Looks every second.
     *
     * @return as it is when nothing is left there
     */
    Departure until(RootCommand root, CheckDepartureRequest what, String name) {
        var bar = new ProgressBar(root.out(), RootCommand.isInteractive(), "Emptying " + name);
        var end = System.nanoTime() + timeout.toNanos();
        long most = 0;
        try (var looks = new Looks(root.connect())) {
            while (true) {
                var departure = looks.look(ManagementGrpcClient.CheckDeparture, what, end);
                var left = left(departure);
                most = Math.max(most, left);
                if (left == 0) {
                    return departure;
                }
                if (System.nanoTime() > end) {
                    throw new CommandFailure(
                            ExitCode.FAILED,
                            name + " is not empty after " + timeout.toSeconds() + " s: "
                                    + String.join("; ", departure.getReasonsList()),
                            "It goes on by itself; 'varve rebuild list' tells how far it is.");
                }
                bar.show(most - left, most, "copies and volumes");
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure(ExitCode.FAILED, "interrupted", "It goes on by itself.");
        } finally {
            bar.clear();
        }
    }

    /** Copies that are to be deleted count while somebody is there to delete them. */
    private static long left(Departure departure) {
        return departure.getCopies()
                + departure.getVolumesCount()
                + (departure.getHeard() ? departure.getCopiesToDelete() : 0L);
    }

    /** The answer to "may it go?", for people. */
    static String describe(Departure departure) {
        var name = name(departure);
        var disk = !departure.getGroup().isEmpty();
        var text = new StringBuilder();
        if (departure.getSafe()) {
            text.append("Safe: yes. Nothing depends on ").append(name).append(".\n");
            if (departure.getCopiesToDelete() > 0 && departure.getHeard()) {
                text.append(departure.getCopiesToDelete())
                        .append(" copies that nobody needs any more are still being deleted there.\n");
            }
            text.append("To strike it off: varve ")
                    .append(disk ? "disk" : "node")
                    .append(" remove ")
                    .append(name)
                    .append('\n');
            return text.toString();
        }
        text.append("Safe: no, ").append(name).append(" must stay.\n");
        departure
                .getReasonsList()
                .forEach(reason -> text.append("  ! ").append(reason).append('\n'));
        return text.toString();
    }

    static String name(Departure departure) {
        return departure.getGroup().isEmpty() ? departure.getNode() : departure.getNode() + "/" + departure.getGroup();
    }
}
