package io.varve.cli.command;

import io.varve.api.Event;
import io.varve.api.EventSeverity;
import io.varve.api.ListEventsRequest;
import io.varve.api.ListEventsResponse;
import io.varve.api.ManagementGrpcClient;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.output.MessageTree;
import io.varve.cli.output.OutputFormat;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve events}: what happened in the cluster, as it is kept by the metadata group. */
@Command(
        name = "events",
        description = {
            "What happened in the cluster: copies that left and came back, nodes that started, volumes that moved, disks that failed.",
            "The cluster keeps the last 10000. docs/operating/events.md describes each reason."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve events --since 1h",
            "  varve events --volume db --severity warning",
            "  varve events --node n2 --follow",
            "  varve events -o json | jq '.events[] | select(.reason == \"DiskFailed\")'",
        })
final class EventsCommand implements Runnable {
    /** How long the server holds one question of {@code --follow}. */
    private static final Duration FOLLOW_WAIT = Duration.ofSeconds(10);

    /** After a server that did not answer; the next one is tried anyway. */
    private static final Duration FOLLOW_PAUSE = Duration.ofSeconds(1);

    private static final int DEFAULT_LIMIT = 200;
    private static final int MAX_LIMIT = 1_000;

    /** The severities by the names that people type. */
    enum Severity {
        INFO(EventSeverity.EVENT_INFO),
        WARNING(EventSeverity.EVENT_WARNING),
        ERROR(EventSeverity.EVENT_ERROR);

        private final EventSeverity inApi;

        Severity(EventSeverity inApi) {
            this.inApi = inApi;
        }
    }

    @Option(names = "--since", paramLabel = "TIME", description = "Only what happened within this time: 10m, 1h, 7d.")
    private @org.jspecify.annotations.Nullable Duration since;

    @Option(names = "--volume", paramLabel = "VOLUME", description = "Only what concerns this volume.")
    private String volume = "";

    @Option(names = "--node", paramLabel = "NODE", description = "Only what concerns this node.")
    private String node = "";

    @Option(
            names = "--severity",
            paramLabel = "LEVEL",
            defaultValue = "info",
            description = "At least: info, warning or error. Default: info.")
    private Severity severity = Severity.INFO;

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "" + DEFAULT_LIMIT,
            description = "The newest so many, up to 1000. Default: 200.")
    private int limit;

    @Option(
            names = {"-f", "--follow"},
            description =
                    "Go on, and print what happens as it happens, until Ctrl-C. With -o json one object each line.")
    private boolean follow;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var root = RootCommand.of(spec);
        if (limit < 1 || limit > MAX_LIMIT) {
            throw new picocli.CommandLine.ParameterException(
                    spec.commandLine(), "--limit is " + limit + "; it can be 1 to " + MAX_LIMIT + ".");
        }
        if (follow && root.format() == OutputFormat.YAML) {
            throw new picocli.CommandLine.ParameterException(
                    spec.commandLine(), "--follow prints a table or, with -o json, one object each line; not yaml.");
        }
        if (follow) {
            follow(root);
        } else {
            var answer = root.ask(ManagementGrpcClient.ListEvents, request().build());
            root.print(answer, EventsCommand::describe);
        }
    }

    private ListEventsRequest.Builder request() {
        return ListEventsRequest.newBuilder()
                .setSinceUnixMillis(since == null ? 0 : System.currentTimeMillis() - since.toMillis())
                .setVolume(volume)
                .setNode(node)
                .setAtLeast(severity.inApi)
                .setLimit(limit);
    }

    /** Ends only by a signal, or when the server refuses: a node that goes away is a reason to ask the next one. */
    private void follow(RootCommand root) {
        try (var connection = root.connect()) {
            var answer = CommandFailure.orThrow(
                    connection.call(ManagementGrpcClient.ListEvents, request().build(), RootCommand.CALL_LIMIT));
            while (true) {
                show(root, answer);
                answer = next(connection, answer);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private ListEventsResponse next(ManagementConnection connection, ListEventsResponse before)
            throws InterruptedException {
        // Later ones are asked for by their number, not by a time that another clock gave.
        var request = request()
                .clearSinceUnixMillis()
                .setAfterNumber(before.getLastNumber())
                .setLimit(MAX_LIMIT)
                .setWaitMillis((int) FOLLOW_WAIT.toMillis())
                .build();
        while (true) {
            var result =
                    connection.call(ManagementGrpcClient.ListEvents, request, FOLLOW_WAIT.plus(RootCommand.CALL_LIMIT));
            if (!result.isNobodyThere()) {
                return CommandFailure.orThrow(result);
            }
            Thread.sleep(FOLLOW_PAUSE);
        }
    }

    private static void show(RootCommand root, ListEventsResponse answer) {
        var out = root.out();
        if (root.format() == OutputFormat.JSON) {
            answer.getEventsList().forEach(event -> out.print(MessageTree.jsonLine(event)));
        } else {
            if (answer.getGone() > 0) {
                out.println(answer.getGone() + " events were told in between and are kept no longer");
            }
            answer.getEventsList().forEach(event -> out.println(line(event)));
        }
        out.flush();
    }

    private static String line(Event event) {
        return String.join(
                "  ",
                time(event),
                severity(event),
                event.getReason(),
                Text.orDash(event.getVolume()),
                Text.orDash(event.getNode()),
                words(event));
    }

    static String describe(ListEventsResponse answer) {
        var table = Table.of("TIME", "SEVERITY", "REASON", "VOLUME", "NODE", "WHAT HAPPENED");
        for (var event : answer.getEventsList()) {
            table.row(
                    time(event),
                    severity(event),
                    event.getReason(),
                    Text.orDash(event.getVolume()),
                    Text.orDash(event.getNode()),
                    words(event));
        }
        var old = answer.getCurrent()
                ? ""
                : "The metadata group cannot decide: there may be newer events than those that this member has.\n";
        return RootCommand.tableOr(table, "Nothing happened.") + old;
    }

    private static String words(Event event) {
        return event.getMessage() + (event.getWhatToDo().isEmpty() ? "" : ". To do: " + event.getWhatToDo());
    }

    private static String severity(Event event) {
        return RootCommand.lowerCase(event.getSeverity(), "EVENT_");
    }

    /** In the zone of whoever looks. */
    private static String time(Event event) {
        return event.getUnixMillis() == 0
                ? "-"
                : DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss")
                        .withZone(ZoneId.systemDefault())
                        .format(Instant.ofEpochMilli(event.getUnixMillis()));
    }
}
