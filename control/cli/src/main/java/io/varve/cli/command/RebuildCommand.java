package io.varve.cli.command;

import io.varve.api.ChangeSettingsRequest;
import io.varve.api.ListRebuildsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Rebuild;
import io.varve.api.RebuildList;
import io.varve.api.SettingValue;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import java.time.Duration;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve rebuild …}. */
@Command(
        name = "rebuild",
        description = "Copies that are made anew or moved. It goes on by itself; here one looks at it, and holds it.",
        subcommands = RebuildCommand.ListRebuilds.class,
        footerHeading = "%nExamples:%n",
        footer = {"  varve rebuild list", "  varve rebuild list --pause"})
final class RebuildCommand extends GroupCommand {
    @Command(
            name = "list",
            description = "What is copied from where to where, why, how far it is and how long it takes.",
            footerHeading = "%nExamples:%n",
            footer = {
                "  varve rebuild list",
                "  varve rebuild list --pause      begin no more copies; those under way end",
                "  varve rebuild list -o json | jq '[.rebuilds[].bytesTotal] | add'",
            })
    static final class ListRebuilds implements Runnable {
        @Option(
                names = "--pause",
                description = "Begin no more copies. The same as 'varve cluster set rebuild.paused=true'.")
        private boolean pause;

        @Option(names = "--resume", description = "Go on.")
        private boolean resume;

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            if (pause && resume) {
                throw new CommandLine.ParameterException(spec.commandLine(), "Either --pause or --resume.");
            }
            if (pause || resume) {
                root.ask(
                        ManagementGrpcClient.ChangeSettings,
                        ChangeSettingsRequest.newBuilder()
                                .addValues(SettingValue.newBuilder()
                                        .setKey("rebuild.paused")
                                        .setValue(String.valueOf(pause)))
                                .build());
            }
            root.print(
                    root.ask(ManagementGrpcClient.ListRebuilds, ListRebuildsRequest.getDefaultInstance()),
                    ListRebuilds::describe);
        }

        private static String describe(RebuildList list) {
            var table =
                    Table.of("VOLUME", ">SLAB", "FROM", "TO", "WHY", "STATE", ">DONE", ">OF", ">PER SECOND", ">LEFT");
            for (var rebuild : list.getRebuildsList()) {
                table.row(
                        rebuild.getVolume(),
                        rebuild.getSlab(),
                        Text.orDash(rebuild.getFrom()),
                        rebuild.getTo(),
                        rebuild.getWhy(),
                        rebuild.getState().toLowerCase(Locale.ROOT),
                        Text.size(rebuild.getBytesDone()),
                        Text.size(rebuild.getBytesTotal()),
                        rebuild.getBytesPerSecond() == 0 ? "-" : Text.size(rebuild.getBytesPerSecond()),
                        left(rebuild));
            }
            var text = new StringBuilder(RootCommand.tableOr(table, "No copy is under way."));
            if (list.getWaitingSlabs() > 0) {
                text.append(slabs(list.getWaitingSlabs())).append(" waiting for another copy");
                if (list.getPlacelessSlabs() > 0) {
                    text.append("; for ")
                            .append(list.getPlacelessSlabs())
                            .append(" of them no other node has room: add a node or disks");
                }
                text.append(".\n");
            }
            if (list.getPaused()) {
                text.append("Paused: no copy is begun. Go on with 'varve rebuild list --resume'.\n");
            }
            if (list.getLimitBytesPerSecond() > 0) {
                text.append("Limit: ")
                        .append(Text.size(list.getLimitBytesPerSecond()))
                        .append(" per second in the whole cluster (rebuild.limit).\n");
            }
            return text.toString();
        }

        private static String left(Rebuild rebuild) {
            if (rebuild.getBytesPerSecond() == 0) {
                return "-";
            }
            var bytes = Math.max(0, rebuild.getBytesTotal() - rebuild.getBytesDone());
            return Text.age(Duration.ofSeconds(bytes / rebuild.getBytesPerSecond()));
        }

        private static String slabs(int count) {
            return count == 1 ? "1 slab is" : count + " slabs are";
        }
    }
}
