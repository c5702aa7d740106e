package io.varve.cli.command;

import io.varve.api.ManagementGrpcClient;
import io.varve.api.ResizeVolumeRequest;
import io.varve.model.ByteSize;
import java.time.Duration;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve volume resize}: a volume grows, in use or not. */
@Command(
        name = "resize",
        description = {
            "Makes a volume larger, while it is in use. The device of a varve attach grows with it; what is on the device is",
            "grown by its own tool then: xfs_growfs, resize2fs, btrfs filesystem resize. A volume never shrinks."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve volume resize db 40GiB", "  varve volume resize db 40GiB && xfs_growfs /srv/db"})
final class VolumeResizeCommand implements Runnable {
    @Parameters(index = "0", paramLabel = "NAME", description = "The volume's name.")
    private String name = "";

    @Parameters(index = "1", paramLabel = "SIZE", description = "What it shall have, for example 40GiB.")
    private ByteSize size = new ByteSize(0);

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "60s",
            description = "How long to wait until it can be used. Default: 60s. It goes on behind.")
    private Duration timeout = Duration.ZERO;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var root = RootCommand.of(spec);
        var request = ResizeVolumeRequest.newBuilder()
                .setName(name)
                .setSizeBytes(size.bytes())
                .setRequestId(UUID.randomUUID().toString())
                .setTimeoutSeconds((int) Math.max(1, timeout.toSeconds()))
                .build();
        root.print(
                root.ask(ManagementGrpcClient.ResizeVolume, request, timeout.plus(RootCommand.CALL_LIMIT)),
                volume -> name + " has " + new ByteSize(volume.getSizeBytes()) + ".\n");
    }
}
