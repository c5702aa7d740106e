package io.varve.cli.command;

import io.varve.api.GetStatusRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ManagementGrpcClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve cluster …}. */
@Command(
        name = "cluster",
        description = "Make a cluster of running nodes, look at it, change its settings.",
        subcommands = {
            CreateCaCommand.class,
            ClusterCommand.Init.class,
            ClusterCommand.Status.class,
            ClusterTopCommand.class,
            SettingsCommands.Show.class,
            SettingsCommands.Change.class
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve cluster init lab",
            "  varve cluster status",
            "  varve cluster top",
            "  varve cluster set rebuild.grace=30m"
        })
final class ClusterCommand extends GroupCommand {
    @Command(
            name = "init",
            description = {
                "Makes the cluster, once, when the nodes of its metadata group run.",
                "The same name again changes nothing; another name is refused."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve cluster init lab", "  varve cluster init lab --server 10.0.0.1:7400"})
    static final class Init implements Runnable {
        @Parameters(paramLabel = "NAME", description = "The cluster's name, as in the configuration of its nodes.")
        private String name = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var request = InitClusterRequest.newBuilder().setName(name).build();
            root.print(
                    root.ask(ManagementGrpcClient.InitCluster, request),
                    status -> "Cluster " + status.getName() + " is ready (" + status.getClusterUuid() + ").\n");
        }
    }

    @Command(
            name = "status",
            description = "The same as 'varve status'.",
            footerHeading = "%nExamples:%n",
            footer = "  varve cluster status -o yaml")
    static final class Status implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(
                    root.ask(ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance()),
                    StatusCommand::describe);
        }
    }
}
