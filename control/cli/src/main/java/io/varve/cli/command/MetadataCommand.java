package io.varve.cli.command;

import io.varve.api.GetMetadataRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MetadataMember;
import io.varve.api.MetadataStatus;
import io.varve.cli.output.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code varve metadata …}. */
@Command(
        name = "metadata",
        description =
                "The metadata group: who is in it and who else should be, its backup, and its recovery when it was lost.",
        subcommands = {
            MetadataCommand.Show.class,
            MetadataCommand.ListMembers.class,
            MetadataMemberCommands.Replace.class,
            MetadataMemberCommands.Add.class,
            MetadataMemberCommands.Remove.class,
            MetadataBackupCommand.class,
            MetadataRecoveryCommands.Restore.class,
            MetadataRecoveryCommands.Rescue.class
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve metadata show",
            "  varve metadata backup /backup/varve-$(date +%%F).meta",
            "  varve metadata restore /backup/varve-2026-11-30.meta --dry-run",
        })
final class MetadataCommand extends GroupCommand {
    @Command(
            name = "show",
            description =
                    "Whether the metadata group decides and how many of its members may go, who leads, and how far each is.",
            footerHeading = "%nExamples:%n",
            footer = {"  varve metadata show", "  varve metadata show -o json"})
    static final class Show implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(status(root), MetadataCommand::describe);
        }
    }

    @Command(
            name = "list",
            description = "The members of the metadata group.",
            footerHeading = "%nExamples:%n",
            footer = "  varve metadata list")
    static final class ListMembers implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(status(root), MetadataCommand::table);
        }
    }

    static String describe(MetadataStatus status) {
        var text = new StringBuilder(status.getHealth()).append(".\n\n").append(table(status));
        if (status.getJoiningCount() + status.getLeavingCount() > 0) {
            text.append('\n');
            if (status.getJoiningCount() > 0) {
                text.append(String.join(", ", status.getJoiningList())).append(" joins");
            }
            if (status.getLeavingCount() > 0) {
                text.append(status.getJoiningCount() > 0 ? ", " : "")
                        .append(String.join(", ", status.getLeavingList()))
                        .append(" leaves");
            }
            text.append(": ").append(status.getChange()).append(".\n");
        } else if (!status.getChange().isEmpty()) {
            text.append("\nThe members cannot be changed as they should: ")
                    .append(status.getChange())
                    .append(".\n");
        }
        return text.toString();
    }

    private static MetadataStatus status(RootCommand root) {
        return root.ask(ManagementGrpcClient.GetMetadata, GetMetadataRequest.getDefaultInstance());
    }

    static String table(MetadataStatus status) {
        var table = Table.of("NODE", "ADDRESS", "ROLE", ">APPLIED", ">BEHIND");
        for (MetadataMember member : status.getMembersList()) {
            table.row(
                    member.getNode().isEmpty() ? "?" : member.getNode(),
                    member.getAddress(),
                    !member.getAnswers() ? "does not answer" : member.getLeads() ? "leads" : "follows",
                    member.getAnswers() ? member.getAppliedIndex() : "-",
                    member.getAnswers() ? member.getBehind() : "-");
        }
        return table.render();
    }
}
