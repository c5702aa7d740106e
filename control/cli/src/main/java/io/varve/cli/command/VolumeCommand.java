package io.varve.cli.command;

import io.varve.api.AttachVolumeRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.LimitChange;
import io.varve.api.ListVolumesRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.PlacementWish;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.model.ByteSize;
import io.varve.model.VolumeName;
import java.time.Duration;
import java.util.UUID;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve volume …}. */
@Command(
        name = "volume",
        description = "Volumes: make, attach, check, remove.",
        subcommands = {
            VolumeCommand.Create.class,
            VolumeCommand.ListVolumes.class,
            VolumeCommand.Show.class,
            VolumeCommand.Attach.class,
            VolumeCommand.Move.class,
            VolumeCommand.Detach.class,
            VolumeCommand.Delete.class,
            VolumeSetCommand.class,
            VolumeResizeCommand.class,
            VolumeVerifyCommand.class,
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve volume create db --size 20GiB --replicas 2",
            "  varve volume attach db && nbdinfo \"$(varve volume show db -o json | jq -r .attachment.nbdUri)\"",
        })
final class VolumeCommand extends GroupCommand {
    /** What one volume's commands share. */
    abstract static sealed class Named implements Runnable permits Create, Show, Attach, Move, Detach, Delete {
        @Parameters(paramLabel = "NAME", description = "The volume's name.")
        protected String name = "";

        @Spec
        protected CommandSpec spec = CommandSpec.create();

        @Override
        public final void run() {
            if (!VolumeName.isValid(name)) {
                throw new CommandLine.ParameterException(spec.commandLine(), refusal(name));
            }
            run(RootCommand.of(spec));
        }

        private static String refusal(String name) {
            try {
                return new VolumeName(name).toString();
            } catch (IllegalArgumentException e) {
                return String.valueOf(e.getMessage());
            }
        }

        abstract void run(RootCommand root);
    }

    @Command(
            name = "create",
            description = {
                "Makes a volume. It is thin, space is taken as it is written; or thick, room for all of it is kept from the begin.",
                "Its copies are placed on different nodes, and in different zones when there are enough."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  varve volume create db --size 20GiB",
                "  varve volume create scratch --size 1TiB --replicas 1",
                "  varve volume create wal --size 20GiB --thick",
                "  varve volume create ledger --size 20GiB --replicas 3 --min-in-sync 2",
                "  varve volume create cache --size 20GiB --near n2 --distinct-zones",
                "  varve volume create guest --size 20GiB --iops-limit 2000 --bandwidth-limit 100MiB/s"
            })
    static final class Create extends Named {
        @Option(names = "--size", paramLabel = "SIZE", required = true, description = "For example 20GiB.")
        private ByteSize size = new ByteSize(0);

        @Option(names = "--replicas", paramLabel = "N", defaultValue = "2", description = "Copies, 1 to 3. Default: 2.")
        private int replicas;

        @Mixin
        private MinInSync minInSync = new MinInSync();

        @Option(
                names = "--near",
                paramLabel = "NODE",
                defaultValue = "",
                description = {
                    "Where it will be used: one copy of everything is placed on that node, when it has room,",
                    "else in its zone. Default: nowhere in particular."
                })
        private String near = "";

        @Option(
                names = "--distinct-zones",
                description = {
                    "Rather no volume than one that has not as many zones as copies.",
                    "Default: distinct zones when there are enough."
                })
        private boolean distinctZones;

        @Option(
                names = "--thick",
                description = {
                    "Room for all of it is kept on the disk groups of its copies: no write of it ever fails because others",
                    "filled them. Refused when it does not fit. Default: thin."
                })
        private boolean thick;

        @Mixin
        private LimitOptions limits = new LimitOptions();

        @Override
        void run(RootCommand root) {
            if (replicas < 1 || replicas > 3) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(), "--replicas is " + replicas + "; it can be 1, 2 or 3.");
            }
            var request = CreateVolumeRequest.newBuilder()
                    .setName(name)
                    .setSizeBytes(size.bytes())
                    .setReplicas(replicas)
                    .setMinInSync(minInSync.value(spec, replicas).orElse(0))
                    .setRequestId(UUID.randomUUID().toString())
                    .setWish(PlacementWish.newBuilder().setNode(near).setDistinctZones(distinctZones))
                    .setThick(thick);
            var asked = limits.value(spec);
            if (!asked.equals(LimitChange.getDefaultInstance())) {
                request.setLimits(VolumeLimits.newBuilder()
                        .setIops(asked.getIops())
                        .setBandwidthBytesPerSecond(asked.getBandwidthBytesPerSecond())
                        .setBurstMillis(asked.getBurstMillis()));
            }
            root.print(
                    root.ask(ManagementGrpcClient.CreateVolume, request.build()),
                    volume -> "Created " + name + ", " + size + ", copies " + volume.getReplicas()
                            + (volume.getThick() ? ", thick" : "") + ". Make it usable: varve volume attach " + name
                            + "\n");
        }
    }

    @Command(
            name = "list",
            description = "All volumes.",
            footerHeading = "%nExamples:%n",
            footer = {"  varve volume list", "  varve volume list -o json"})
    static final class ListVolumes implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(
                    root.ask(ManagementGrpcClient.ListVolumes, ListVolumesRequest.getDefaultInstance()),
                    answer -> VolumeTable.of(answer.getVolumesList()));
        }
    }

    @Command(
            name = "show",
            description = "One volume: its copies and where it is attached.",
            footerHeading = "%nExamples:%n",
            footer = {"  varve volume show db", "  varve volume show db -o json | jq -r .attachment.nbdUri"})
    static final class Show extends Named {
        @Override
        void run(RootCommand root) {
            var request = GetVolumeRequest.newBuilder().setName(name).build();
            root.print(root.ask(ManagementGrpcClient.GetVolume, request), VolumeTable::describe);
        }
    }

    @Command(
            name = "attach",
            description = "Makes a volume usable on a node, and prints its NBD URI when it is open.",
            footerHeading = "%nExamples:%n",
            footer = {"  varve volume attach db", "  varve volume attach db --node n2 --timeout 5m"})
    static final class Attach extends Named {
        @Option(names = "--node", paramLabel = "NODE", description = "Where. Default: a node that has a copy.")
        private String node = "";

        @Option(
                names = "--timeout",
                paramLabel = "TIME",
                defaultValue = "60s",
                description = "How long to wait until it is open. Default: 60s.")
        private Duration timeout = Duration.ZERO;

        @Override
        void run(RootCommand root) {
            var request = AttachVolumeRequest.newBuilder()
                    .setName(name)
                    .setNode(node)
                    .setTimeoutSeconds(seconds(timeout))
                    .build();
            root.print(
                    root.ask(ManagementGrpcClient.AttachVolume, request, limit(timeout)),
                    volume ->
                            "Attached " + name + " on " + volume.getAttachment().getNode() + ": "
                                    + volume.getAttachment().getNbdUri() + "\n");
        }
    }

    @Command(
            name = "move",
            description = {
                "Has another node serve a volume, whether the present one is there or not, and tells when it is open.",
                "What clients had acknowledged stays. Their connections to the old node end; varve attach follows by itself."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve volume move db", "  varve volume move db --to n2", "  varve volume move db --no-wait"})
    static final class Move extends Named {
        @Option(
                names = "--to",
                paramLabel = "NODE",
                description = "Where. Default: another node that is there, if possible one with copies in sync.")
        private String node = "";

        @Option(
                names = "--timeout",
                paramLabel = "TIME",
                defaultValue = "60s",
                description = "How long to wait until it is open there. Default: 60s.")
        private Duration timeout = Duration.ZERO;

        @Option(names = "--no-wait", description = "Do not wait until it is open.")
        private boolean noWait;

        @Override
        void run(RootCommand root) {
            var request = MoveVolumeRequest.newBuilder()
                    .setName(name)
                    .setNode(node)
                    .setRequestId(UUID.randomUUID().toString())
                    .setTimeoutSeconds(seconds(timeout))
                    .setNoWait(noWait)
                    .build();
            root.print(root.ask(ManagementGrpcClient.MoveVolume, request, limit(timeout)), Move::describe);
        }

        private static String describe(Volume volume) {
            var attachment = volume.getAttachment();
            if (!attachment.getOpen() || !attachment.getNode().equals(volume.getWantedNode())) {
                return "Moving " + volume.getName() + " to " + volume.getWantedNode() + ": varve volume show "
                        + volume.getName() + " tells how far\n";
            }
            return "Moved " + volume.getName() + ", now on " + attachment.getNode() + ": " + attachment.getNbdUri()
                    + "\n";
        }
    }

    @Command(
            name = "detach",
            description = "Takes a volume out of use. Its clients are disconnected.",
            footerHeading = "%nExamples:%n",
            footer = {"  varve volume detach db"})
    static final class Detach extends Named {
        @Option(
                names = "--timeout",
                paramLabel = "TIME",
                defaultValue = "60s",
                description = "How long to wait until it is detached. Default: 60s.")
        private Duration timeout = Duration.ZERO;

        @Override
        void run(RootCommand root) {
            var request = DetachVolumeRequest.newBuilder()
                    .setName(name)
                    .setTimeoutSeconds(seconds(timeout))
                    .build();
            root.print(
                    root.ask(ManagementGrpcClient.DetachVolume, request, limit(timeout)),
                    (Volume volume) -> "Detached " + name + "\n");
        }
    }

    @Command(
            name = "delete",
            description = "Removes a detached volume and its data, for good.",
            footerHeading = "%nExamples:%n",
            footer = {"  varve volume delete scratch", "  varve volume delete scratch --yes"})
    static final class Delete extends Named {
        @Option(names = "--yes", description = "Do not ask.")
        private boolean yes;

        @Override
        void run(RootCommand root) {
            if (!yes && !Question.confirmed("Delete volume " + name + " and all of its data?")) {
                throw new CommandFailure(
                        ExitCode.FAILED, "nothing was deleted", "Answer 'yes', or say --yes on the command line.");
            }
            var answer = root.ask(
                    ManagementGrpcClient.DeleteVolume,
                    DeleteVolumeRequest.newBuilder().setName(name).build());
            root.print(answer, deleted -> {
                var left = String.join(", ", deleted.getWaitsForNodesList());
                return left.isEmpty()
                        ? "Deleted " + name + "\n"
                        : "Deleted " + name + ". Its copies on " + left
                                + " go when that is back; until then the name is taken.\n";
            });
        }
    }

    /** The API counts whole seconds; zero would mean the server's own default. */
    private static int seconds(Duration timeout) {
        return (int) Math.max(1, timeout.toSeconds());
    }

    /** The server explains what it waits for when time is up, or what the metadata group lacks: give it the time to. */
    private static Duration limit(Duration timeout) {
        return Duration.ofSeconds(seconds(timeout)).plus(RootCommand.CALL_LIMIT);
    }
}
