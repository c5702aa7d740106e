package io.varve.cli.command;

import io.varve.api.ListVolumesRequest;
import io.varve.api.ListVolumesResponse;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.Volume;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve node fence}: takes from a node the volumes that are published to it, without its word. */
@Command(
        name = "fence",
        description = {
            "Takes from a node the volumes that a CSI driver uses on it, because its machine is off or out of reach. What that machine",
            "does with them from now on has no effect, also when it lives: its pods get I/O errors, and writes that were not answered",
            "are lost. Other nodes may use the volumes at once. Its disks and their copies are not touched."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve node fence n4", "  varve node fence n4 --yes"})
final class NodeFenceCommand implements Runnable {
    @Parameters(paramLabel = "NODE", description = "The node's id.")
    private String node = "";

    @Option(names = "--yes", description = "Do not ask.")
    private boolean yes;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var root = RootCommand.of(spec);
        var published = root
                .ask(ManagementGrpcClient.ListVolumes, ListVolumesRequest.getDefaultInstance())
                .getVolumesList()
                .stream()
                .filter(volume -> volume.getPublication().getNode().equals(node))
                .toList();
        if (!published.isEmpty()
                && !yes
                && !Question.confirmed(
                        "Take " + names(published) + " from " + node + ", whose pods may still use it?")) {
            throw new CommandFailure(
                    ExitCode.FAILED, "nothing was fenced", "Answer 'yes', or say --yes on the command line.");
        }
        var fenced = ListVolumesResponse.newBuilder();
        published.forEach(volume -> fenced.addVolumes(fence(root, volume)));
        root.print(fenced.build(), answer -> describe(answer.getVolumesList()));
    }

    private Volume fence(RootCommand root, Volume volume) {
        return root.ask(
                ManagementGrpcClient.PublishVolume,
                PublishVolumeRequest.newBuilder()
                        .setName(volume.getName())
                        .setNode(node)
                        .setState(PublishVolumeRequest.State.FENCED)
                        .build());
    }

    private String describe(List<Volume> fenced) {
        return fenced.isEmpty()
                ? "No volume is published to " + node + ".\n"
                : "Taken from " + node + ": " + names(fenced) + ".\n";
    }

    private static String names(List<Volume> volumes) {
        return String.join(", ", volumes.stream().map(Volume::getName).toList());
    }
}
