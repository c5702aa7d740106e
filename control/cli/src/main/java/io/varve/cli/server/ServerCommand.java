package io.varve.cli.server;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.config.NodeConfig;
import io.varve.cli.log.NodeLog;
import io.varve.cli.server.DataDirectory.Opening;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code varve server}: runs a node until it is told to stop. */
@Command(
        name = "server",
        description = {
            "Runs a node from its configuration file, in the foreground, until SIGTERM or SIGINT.",
            "docs/operating/configuration.md describes every key; an unknown one is refused.",
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve server --config /etc/varve/node.yaml", "  varve server --config node.yaml --check"})
public final class ServerCommand implements Callable<Integer> {
    @Option(names = "--config", required = true, paramLabel = "FILE", description = "The node's configuration.")
    private Path file = Path.of("");

    @Option(names = "--check", description = "Only read the configuration and say whether it can be used.")
    private boolean check;

    @Override
    public Integer call() throws IOException, InterruptedException {
        var config = read();
        if (check) {
            return ExitCode.OK;
        }
        var log = config.restart().log();
        NodeLog.toStandardOutput(log.level().name().toLowerCase(Locale.ROOT));
        log.file().ifPresent(NodeLog::alsoToFile);
        var directory = hold(config);
        var obstacle = ListenCheck.obstacle(config);
        if (obstacle.isPresent()) {
            directory.close();
            throw new CommandFailure(
                    ExitCode.CANNOT_LISTEN, obstacle.get(), "'ss -ltnp' shows which process listens where.");
        }
        return new NodeProcess(config, file, directory).run();
    }

    private NodeConfig read() {
        ConfigResult result;
        try {
            result = ConfigFile.read(file);
        } catch (IOException e) {
            throw new CommandFailure(ExitCode.USAGE, "cannot read " + file + ": " + e, "");
        }
        return switch (result) {
            case ConfigResult.Loaded(var config) -> config;
            case ConfigResult.Rejected(var problems) ->
                throw new CommandFailure(
                        ExitCode.USAGE,
                        file + " cannot be used:\n"
                                + problems.stream()
                                        .map(problem -> "  " + problem)
                                        .collect(Collectors.joining("\n")),
                        "docs/operating/configuration.md describes every key.");
        };
    }

    private static DataDirectory hold(NodeConfig config) throws IOException {
        return switch (DataDirectory.open(config.dataDir(), config.fixed())) {
            case Opening.Opened(var directory) -> directory;
            case Opening.InUse(var holder) ->
                throw new CommandFailure(
                        ExitCode.IN_USE,
                        config.dataDir() + " is in use by " + holder,
                        "One process runs a node; stop that one first.");
            case Opening.Refused(var message) -> throw new CommandFailure(ExitCode.FAILED, message, "");
        };
    }
}
