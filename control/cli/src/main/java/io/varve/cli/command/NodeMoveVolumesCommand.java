package io.varve.cli.command;

import io.varve.api.ListVolumesRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Volume;
import io.varve.cli.output.ProgressBar;
import java.time.Duration;
import java.util.ArrayList;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve node move-volumes}: has other nodes serve what this one serves. Copies stay where they are. */
@Command(
        name = "move-volumes",
        description = {
            "Has other nodes serve the volumes that this node serves, one after the other, before it is stopped. Copies stay where they are.",
            "A client of varve attach sees a pause of less than a second for each volume. Nothing moves back by itself."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve node move-volumes n1", "  varve node move-volumes n1 --to n2"})
final class NodeMoveVolumesCommand implements Runnable {
    @Parameters(paramLabel = "NODE", description = "The node's id.")
    private String name = "";

    @Option(
            names = "--to",
            paramLabel = "NODE",
            description =
                    "Where. Default: for each volume another node that is there, if possible one with copies in sync.")
    private String to = "";

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "60s",
            description = "How long to wait for each volume to be open there. Default: 60s.")
    private Duration timeout = Duration.ZERO;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var root = RootCommand.of(spec);
        if (to.equals(name)) {
            throw new picocli.CommandLine.ParameterException(
                    spec.commandLine(), "--to names the node that is to be left.");
        }
        var volumes = root
                .ask(ManagementGrpcClient.ListVolumes, ListVolumesRequest.getDefaultInstance())
                .getVolumesList()
                .stream()
                .filter(volume -> isServedBy(volume, name))
                .toList();
        var bar = new ProgressBar(root.out(), RootCommand.isInteractive(), "Moving volumes from " + name);
        var moved = new ArrayList<String>();
        try {
            for (var volume : volumes) {
                bar.show(moved.size(), volumes.size(), "volumes");
                moved.add(volume.getName() + " is served by " + move(root, volume));
            }
        } finally {
            bar.clear();
        }
        moved.forEach(root.out()::println);
        root.out().println(moved.isEmpty() ? name + " serves no volume." : name + " serves no volume any more.");
        root.out().flush();
    }

    private static boolean isServedBy(Volume volume, String node) {
        return volume.getWantedNode().equals(node)
                || (volume.getWantedNode().isEmpty()
                        && volume.getAttachment().getNode().equals(node));
    }

    private String move(RootCommand root, Volume volume) {
        var request = MoveVolumeRequest.newBuilder()
                .setName(volume.getName())
                .setNode(to)
                .setRequestId(UUID.randomUUID().toString())
                .setTimeoutSeconds((int) Math.max(1, timeout.toSeconds()))
                .build();
        var now = root.ask(ManagementGrpcClient.MoveVolume, request, timeout.plus(RootCommand.CALL_LIMIT));
        if (now.getWantedNode().equals(name)) {
            throw new CommandFailure(
                    ExitCode.FAILED,
                    "no other node is there to serve " + volume.getName(),
                    "'varve node list' shows which nodes are up.");
        }
        return now.getAttachment().getNode();
    }
}
