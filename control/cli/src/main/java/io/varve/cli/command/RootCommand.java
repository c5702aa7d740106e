package io.varve.cli.command;

import com.google.protobuf.Message;
import io.varve.cli.client.CallResult;
import io.varve.cli.client.Credentials;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.config.Endpoint;
import io.varve.cli.output.MessageTree;
import io.varve.cli.output.OutputFormat;
import io.varve.cli.output.Table;
import io.varve.model.ByteSize;
import io.vertx.grpc.common.ServiceMethod;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code varve}: the options that every command has, and what commands share to ask the cluster and to print. */
@Command(
        name = "varve",
        description = "Replicated block storage in user space: runs a node, and asks a cluster.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            StatusCommand.class,
            ClusterCommand.class,
            NodeCommand.class,
            TokenCommand.class,
            DiskCommand.class,
            VolumeCommand.class,
            EventsCommand.class,
            SupportBundleCommand.class,
            RebuildCommand.class,
            MetadataCommand.class,
            CompletionCommand.class,
            HelpCommand.class,
            VersionCommand.class,
        },
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done",
            "1:failed; the message says why",
            "2:wrong command line or configuration; nothing was tried",
            "3:no server could be reached",
            "4:what was named does not exist",
            "5:data is not safe (status --check), replicas differ (volume verify), a node must not be stopped (node restart-check),"
                    + " or a node or disk must stay (check)",
            "6:another process uses the same data directory",
            "7:a graceful stop took too long",
            "8:a node cannot listen where its configuration says: the port is taken",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve demo                              try it: three nodes on this machine, a database on them",
            "  varve status                            is my data safe?",
            "  varve volume create db --size 20GiB     a volume with two copies",
            "  varve attach db                         make it a block device here, which survives the loss of nodes",
            "  varve volume list -o json               for scripts",
        })
public final class RootCommand implements Runnable {
    /**
     * Ordinary calls are answered within milliseconds. One that meets elections asks the metadata group twice, 18 s each at most, and
     * then tells what was tried: its words should arrive.
     */
    static final Duration CALL_LIMIT = Duration.ofSeconds(45);

    @Option(
            names = "--server",
            scope = ScopeType.INHERIT,
            split = ",",
            paramLabel = "HOST:PORT",
            defaultValue = "${env:VARVE_SERVER:-127.0.0.1:7400}",
            description =
                    "Management address of any node; several are tried in turn. Default: VARVE_SERVER, else 127.0.0.1:7400.")
    private List<Endpoint> servers = List.of();

    @Option(
            names = "--credentials",
            scope = ScopeType.INHERIT,
            paramLabel = "FILE",
            defaultValue = "${env:VARVE_CREDENTIALS:-}",
            description = {
                "Who you are, and that the servers are yours: from 'varve token create', or DATADIR/tls/admin.pem on a node.",
                "'none' for a cluster with network: plaintext. Default: VARVE_CREDENTIALS, else ~/.varve/credentials,",
                "else /var/lib/varve/tls/admin.pem, else none."
            })
    private String credentials = "";

    @Option(
            names = {"-o", "--output"},
            scope = ScopeType.INHERIT,
            paramLabel = "FORMAT",
            defaultValue = "table",
            description = "table, json or yaml. Default: table.")
    private OutputFormat format = OutputFormat.TABLE;

    @Option(
            names = {"-h", "--help"},
            scope = ScopeType.INHERIT,
            usageHelp = true,
            description = "Show this help.")
    @SuppressWarnings("UnusedVariable") // picocli sets it and acts on it
    private boolean help;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    /**
     * The whole command line, ready to execute.
     *
     * @param further commands of other packages
     */
    public static CommandLine commandLine(Object... further) {
        return commandLine(Map.of(), further);
    }

    /**
     * The whole command line, ready to execute.
     *
     * @param below further commands of groups, by the group's name
     * @param further commands of other packages
     */
    public static CommandLine commandLine(Map<String, Object> below, Object... further) {
        var line = new CommandLine(new RootCommand());
        below.forEach((group, command) ->
                Objects.requireNonNull(line.getSubcommands().get(group), group).addSubcommand(command));
        for (var command : further) {
            line.addSubcommand(command);
        }
        line.registerConverter(Endpoint.class, converting(Endpoint::parse));
        line.registerConverter(ByteSize.class, converting(ByteSize::parse));
        line.registerConverter(Duration.class, converting(Durations::parse));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpAutoWidth(false);
        line.setUsageHelpWidth(110);
        line.setParameterExceptionHandler((mistake, arguments) -> refuse(mistake));
        line.setExecutionExceptionHandler((failure, command, parsed) -> report(failure, command));
        return line;
    }

    private static <T> CommandLine.ITypeConverter<T> converting(Function<String, T> parse) {
        return text -> {
            try {
                return parse.apply(text);
            } catch (IllegalArgumentException e) {
                throw new CommandLine.TypeConversionException(e.getMessage());
            }
        };
    }

    /** A mistake on the command line: one line that names it, not a page of help that hides it. Who named no command gets the page. */
    private static int refuse(CommandLine.ParameterException mistake) {
        var command = mistake.getCommandLine();
        var err = command.getErr();
        err.println("varve: " + mistake.getMessage());
        CommandLine.UnmatchedArgumentException.printSuggestions(mistake, err);
        if (command.getSubcommands().isEmpty()) {
            err.println("       How it is used: " + command.getCommandSpec().qualifiedName() + " --help");
        } else {
            command.usage(err);
        }
        err.flush();
        return ExitCode.USAGE;
    }

    /** The one place where a failure becomes words and an exit code. */
    private static int report(Exception failure, CommandLine command) throws Exception {
        if (!(failure instanceof CommandFailure known)) {
            throw failure;
        }
        var err = command.getErr();
        err.println("varve: " + known.getMessage());
        if (!known.remedy().isEmpty()) {
            err.println("       " + known.remedy());
        }
        err.flush();
        return known.exitCode();
    }

    /** The command line that a command belongs to. */
    public static RootCommand of(CommandSpec command) {
        return (RootCommand) command.root().userObject();
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "Say what to do: name a command.");
    }

    /** The servers that were named. */
    public List<Endpoint> servers() {
        return servers;
    }

    ManagementConnection connect() {
        return new ManagementConnection(servers, credentials());
    }

    /** What this command line shows the servers. */
    public Credentials credentials() {
        try {
            return Credentials.find(credentials);
        } catch (IOException e) {
            throw new CommandFailure(
                    ExitCode.USAGE, String.valueOf(e.getMessage()), "'varve --help' tells what --credentials takes.");
        }
    }

    /** As it was given, for another process of this program; empty: it looks in the usual places. */
    public String credentialsArgument() {
        return credentials;
    }

    OutputFormat format() {
        return format;
    }

    public PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** Whether a person sits at a terminal; the console is null when input or output is redirected. */
    public static boolean isInteractive() {
        return terminal().isPresent();
    }

    static Optional<Console> terminal() {
        return Optional.ofNullable(System.console()).filter(Console::isTerminal);
    }

    /** One call, its answer or the command's end. */
    <Q, R> R ask(ServiceMethod<R, Q> method, Q request, Duration limit) {
        try (var connection = connect()) {
            return answer(connection.call(method, request, limit));
        }
    }

    <Q, R> R ask(ServiceMethod<R, Q> method, Q request) {
        return ask(method, request, CALL_LIMIT);
    }

    private static <R> R answer(CallResult<R> result) {
        return CommandFailure.orThrow(result);
    }

    /** Prints a message in the format asked for; {@code people} is its form for people. */
    <M extends Message> void print(M message, Function<M, String> people) {
        out().print(
                        switch (format) {
                            case TABLE -> people.apply(message);
                            case JSON -> MessageTree.json(message);
                            case YAML -> MessageTree.yaml(message);
                        });
        out().flush();
    }

    /** A table, or a sentence when there is nothing to show. */
    static String tableOr(Table table, String whenEmpty) {
        return table.isEmpty() ? whenEmpty + "\n" : table.render();
    }

    static String lowerCase(Enum<?> constant, String prefix) {
        return constant.name().replace(prefix, "").toLowerCase(Locale.ROOT);
    }
}
