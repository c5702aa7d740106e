package io.varve.cli.command;

import io.varve.api.GetVolumeRequest;
import io.varve.api.LimitChange;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.ReplicaPhase;
import io.varve.api.SetReplicasRequest;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.cli.output.ProgressBar;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve volume set}: how many copies a volume has and needs, whether it is thick, and what its clients may do at most, changed while it is in use. */
@Command(
        name = "set",
        description = {
            "Changes how many copies a volume has, how many of them a write needs, whether it is thick, and what its clients may do at most, while it is in use.",
            "Further copies are filled, and those that are too many go, by themselves; fewer copies again drop what is not filled yet. Limits hold at once; clients see a slower volume, no errors."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve volume set db --replicas 3",
            "  varve volume set db --replicas 2 --wait",
            "  varve volume set db --min-in-sync 2",
            "  varve volume set db --thick",
            "  varve volume set db --iops-limit 5000 --bandwidth-limit 200MiB/s --burst 5s",
            "  varve volume set db --iops-limit none --bandwidth-limit none"
        })
final class VolumeSetCommand implements Runnable {
    private static final long LOOK_MILLIS = 1_000;

    @Parameters(paramLabel = "NAME", description = "The volume's name.")
    private String name = "";

    @Option(names = "--replicas", paramLabel = "N", description = "Copies, 1 to 3. Default: as many as it has.")
    private int replicas;

    @Mixin
    private MinInSync minInSync = new MinInSync();

    static final class Provisioning {
        @Option(
                names = "--thick",
                description =
                        "Keep room for all of it on the disk groups of its copies. Refused when one has too little: then it stays thin.")
        private boolean thick;

        @Option(names = "--thin", description = "Give that room to everybody again.")
        private boolean thin;
    }

    @ArgGroup
    private @Nullable Provisioning provisioning;

    @Mixin
    private LimitOptions limits = new LimitOptions();

    @Option(names = "--wait", description = "Wait until all of them are in sync, and none is too many.")
    private boolean wait;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "24h",
            description = "Wait no longer. Default: 24h. It goes on behind.")
    private Duration timeout = Duration.ZERO;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var isSaid = spec.commandLine().getParseResult().hasMatchedOption("--replicas");
        if (isSaid && (replicas < 1 || replicas > 3)) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--replicas is " + replicas + "; it can be 1, 2 or 3.");
        }
        var fewest = minInSync.value(spec, replicas);
        var change = limits.value(spec);
        var isLimited = !change.equals(LimitChange.getDefaultInstance());
        if (!isSaid && fewest.isEmpty() && !isLimited && provisioning == null) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(),
                    "say what is to change: --replicas, --min-in-sync, --thick, --thin, --iops-limit, --bandwidth-limit, --burst.");
        }
        var root = RootCommand.of(spec);
        var request = SetReplicasRequest.newBuilder().setName(name).setReplicas(replicas);
        fewest.ifPresent(request::setMinInSync);
        if (isLimited) {
            request.setLimits(change);
        }
        if (provisioning != null) {
            request.setThick(provisioning.thick && !provisioning.thin);
        }
        var volume = root.ask(ManagementGrpcClient.SetReplicas, request.build());
        replicas = volume.getReplicas();
        if (!isSaid && !wait) {
            root.print(volume, answer -> {
                var goesOn = name + " goes on with " + VolumeTable.fewest(answer) + " of " + copies() + ".\n";
                var limited = "Limits of " + name + ": " + VolumeTable.limits(answer) + ".\n";
                var space = name + " is " + VolumeTable.space(answer) + ".\n";
                return (fewest.isEmpty() ? "" : goesOn)
                        + (provisioning == null ? "" : space)
                        + (isLimited ? limited : "");
            });
            return;
        }
        if (!wait) {
            root.print(
                    volume,
                    answer -> (isSettled(answer)
                                    ? name + " has " + copies() + "."
                                    : name + " gets " + copies() + ": 'varve rebuild list' tells how far it is.")
                            + (isLimited ? " Limits: " + VolumeTable.limits(answer) + "." : "")
                            + "\n");
            return;
        }
        root.print(settled(root), answer -> name + " has " + copies() + ", all in sync.\n");
    }

    private String copies() {
        return replicas == 1 ? "1 copy" : replicas + " copies";
    }

    private Volume settled(RootCommand root) {
        var bar = new ProgressBar(root.out(), RootCommand.isInteractive(), "Copies of " + name);
        var end = System.nanoTime() + timeout.toNanos();
        try (var looks = new Looks(root.connect())) {
            while (true) {
                var volume = looks.look(
                        ManagementGrpcClient.GetVolume,
                        GetVolumeRequest.newBuilder().setName(name).build(),
                        end);
                if (volume.getReplicas() != replicas) {
                    throw new CommandFailure(
                            ExitCode.FAILED, "meanwhile somebody asked for " + volume.getReplicas() + " copies", "");
                }
                if (isSettled(volume)) {
                    return volume;
                }
                if (System.nanoTime() > end) {
                    throw new CommandFailure(
                            ExitCode.FAILED,
                            name + " has not " + copies() + " in sync after " + timeout.toSeconds() + " s",
                            "It goes on by itself; 'varve rebuild list' tells how far it is.");
                }
                bar.show(
                        volume.getSlabsList().stream()
                                .filter(slab -> isSettled(volume, slab))
                                .count(),
                        volume.getSlabsCount(),
                        "slabs");
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure(ExitCode.FAILED, "interrupted", "It goes on by itself.");
        } finally {
            bar.clear();
        }
    }

    private static boolean isSettled(Volume volume) {
        return volume.getSlabsList().stream().allMatch(slab -> isSettled(volume, slab));
    }

    /** As many as there should be, in sync, and no other but such as a node that is away has yet to delete. */
    private static boolean isSettled(Volume volume, Slab slab) {
        var staying = slab.getReplicasList().stream()
                .filter(replica -> replica.getPhase() != ReplicaPhase.REPLICA_LEAVING)
                .toList();
        return staying.size() == volume.getReplicas()
                && slab.getIsrCount() == staying.size()
                && staying.stream().allMatch(replica -> slab.getIsrList().contains(replica.getGroup()));
    }
}
