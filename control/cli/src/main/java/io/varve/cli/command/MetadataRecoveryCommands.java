package io.varve.cli.command;

import com.google.protobuf.ByteString;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.RecoverMetadataRequest;
import io.varve.api.RecoveredVolume;
import io.varve.api.RecoveryReport;
import io.varve.cli.output.OutputFormat;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve metadata restore} and {@code varve metadata rescue}: the same, with a backup and without. */
final class MetadataRecoveryCommands {
    /** Tens of thousands of copies are asked for, and megabytes go through the log. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    private MetadataRecoveryCommands() {}

    /** What both take. */
    static final class How {
        @Option(
                names = "--without",
                split = ",",
                paramLabel = "NODE|GROUP",
                description = {
                    "A node, or the uuid of a disk group, that is gone for good. Without it everything that the backup names has to answer.",
                    "What only it has is lost."
                })
        private List<String> without = new ArrayList<>();

        @Option(names = "--dry-run", description = "Only tell what was found and what would be done.")
        private boolean dryRun;

        @Option(names = "--yes", description = "Do not ask.")
        private boolean yes;

        int carryOut(RootCommand root, RecoverMetadataRequest.Builder request) {
            request.addAllWithout(without);
            var found = ask(root, request.setDryRun(true).build());
            if (!found.getObjectionsList().isEmpty()) {
                root.print(found, MetadataRecoveryCommands::describe);
                throw new CommandFailure(
                        ExitCode.FAILED,
                        "the metadata was not recovered: " + found.getObjections(0),
                        "docs/operating/losing-the-metadata.md tells the way, step by step.");
            }
            if (dryRun) {
                root.print(found, MetadataRecoveryCommands::describe);
                return ExitCode.OK;
            }
            if (!yes) {
                if (root.format() == OutputFormat.TABLE) {
                    root.print(found, MetadataRecoveryCommands::describe);
                }
                if (!Question.confirmed("Make the metadata anew like this?")) {
                    throw new CommandFailure(
                            ExitCode.FAILED,
                            "nothing was done: nobody said yes",
                            "Say --yes where nobody can be asked.");
                }
            }
            var done = ask(root, request.setDryRun(false).build());
            root.print(done, MetadataRecoveryCommands::describe);
            return done.getDone() ? ExitCode.OK : ExitCode.FAILED;
        }
    }

    @Command(
            name = "restore",
            description = {
                "Makes the metadata anew in a metadata group that was lost and is empty: from a backup, and from what the disks of all nodes know, which is newer.",
                "Nothing older than what the disks know is served afterwards. A cluster that runs is refused. All nodes have to be restarted before."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  varve metadata restore /backup/varve-2026-11-30.meta --dry-run",
                "  varve metadata restore /backup/varve-2026-11-30.meta --without n3",
            })
    static final class Restore implements Callable<Integer> {
        @Parameters(paramLabel = "FILE", description = "From 'varve metadata backup'.")
        private Path file = Path.of("");

        @Mixin
        private How how = new How();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            byte[] backup;
            try {
                backup = Files.readAllBytes(file);
            } catch (IOException e) {
                throw new CommandFailure(ExitCode.USAGE, "cannot read " + file + ": " + e, "");
            }
            if (backup.length == 0) {
                throw new CommandFailure(ExitCode.USAGE, file + " is empty", "");
            }
            return how.carryOut(
                    RootCommand.of(spec), RecoverMetadataRequest.newBuilder().setBackup(ByteString.copyFrom(backup)));
        }
    }

    @Command(
            name = "rescue",
            description = {
                "Makes the metadata anew in a metadata group that was lost and is empty, when there is no backup: from what the disks of all nodes know.",
                "Volumes keep their data, names and sizes. Tokens, settings, and where volumes were attached are gone; the report tells what else.",
                "All nodes have to be restarted before, and every node that has copies has to be there: nobody knows of those that are not."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve metadata rescue --name lab --dry-run", "  varve metadata rescue --name lab"})
    static final class Rescue implements Callable<Integer> {
        @Option(
                names = "--name",
                required = true,
                description = "The cluster's name, as in the configuration of its nodes.")
        private String name = "";

        @Mixin
        private How how = new How();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            return how.carryOut(
                    RootCommand.of(spec), RecoverMetadataRequest.newBuilder().setName(name));
        }
    }

    private static RecoveryReport ask(RootCommand root, RecoverMetadataRequest request) {
        return root.ask(ManagementGrpcClient.RecoverMetadata, request, LIMIT);
    }

    static String describe(RecoveryReport report) {
        var text = new StringBuilder();
        text.append(report.getDone() ? "Recovered" : "Found")
                .append(": cluster ")
                .append(report.getName());
        text.append(" (").append(report.getClusterUuid()).append("), on ");
        text.append(report.getNodesCount()).append(report.getNodesCount() == 1 ? " node: " : " nodes: ");
        text.append(String.join(", ", report.getNodesList())).append(".\n");
        if (report.getBackupUnixMillis() != 0) {
            text.append("Backup of ")
                    .append(Instant.ofEpochMilli(report.getBackupUnixMillis()))
                    .append(", index ")
                    .append(report.getBackupIndex())
                    .append(".\n");
        }
        var table = Table.of("VOLUME", ">SIZE", ">COPIES", ">EPOCH", "");
        for (RecoveredVolume volume : report.getVolumesList()) {
            table.row(
                    volume.getName(),
                    Text.size(volume.getSizeBytes()),
                    volume.getCopies() + " of " + (long) volume.getSlabs() * volume.getReplicas(),
                    Integer.toUnsignedString(volume.getEpoch()),
                    (volume.getKept() ? "" : "NOT recovered: ") + volume.getStanding());
        }
        text.append('\n').append(RootCommand.tableOr(table, "No volumes."));
        report.getWarningsList()
                .forEach(warning -> text.append("  ! ").append(warning).append('\n'));
        report.getObjectionsList()
                .forEach(why -> text.append("  cannot: ").append(why).append('\n'));
        return text.toString();
    }
}
