package io.varve.cli.command;

import io.varve.api.ManagementGrpcClient;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.cli.output.ProgressBar;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve volume verify}: compares the replicas of an attached volume block by block. */
@Command(
        name = "verify",
        description = {
            "Compares the replicas of an attached volume, block by block, while it is in use.",
            "A block that is damaged on one replica is repaired from another, and counted.",
            "Exits with 5 and names the places when replicas differ, or when no replica holds a block any more."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve volume verify db", "  varve volume verify db -o json"})
final class VolumeVerifyCommand implements Callable<Integer> {
    /** Comparing one extent takes milliseconds, also on a busy disk. */
    private static final Duration SILENCE_LIMIT = Duration.ofMinutes(2);
    /** More differences than a person reads; the count stays right. */
    private static final int DIFFERENCES_SHOWN = 1_000;

    @Parameters(paramLabel = "NAME", description = "The volume's name.")
    private String name = "";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        var root = RootCommand.of(spec);
        var bar = new ProgressBar(root.out(), RootCommand.isInteractive(), "Verifying " + name);
        List<String> differences = Collections.synchronizedList(new ArrayList<>());
        try (var connection = root.connect()) {
            var last = CommandFailure.orThrow(connection.stream(
                    ManagementGrpcClient.VerifyVolume,
                    VerifyVolumeRequest.newBuilder().setName(name).build(),
                    progress -> take(progress, bar, differences),
                    SILENCE_LIMIT));
            bar.clear();
            if (!last.getFinished()) {
                throw new CommandFailure(
                        ExitCode.FAILED,
                        "the comparison stopped after " + last.getExtentsDone() + " of " + last.getExtentsTotal()
                                + " extents",
                        "Look at 'varve status', then start it again.");
            }
            var result = last.toBuilder()
                    .clearDifferences()
                    .addAllDifferences(differences)
                    .build();
            root.print(result, VolumeVerifyCommand::describe);
            return result.getExtentsEqual() == result.getExtentsTotal() && differences.isEmpty()
                    ? ExitCode.OK
                    : ExitCode.NOT_SAFE;
        } finally {
            bar.clear();
        }
    }

    private static void take(VerifyProgress progress, ProgressBar bar, List<String> differences) {
        for (var difference : progress.getDifferencesList()) {
            if (differences.size() < DIFFERENCES_SHOWN) {
                differences.add(difference);
            }
        }
        bar.show(progress.getExtentsDone(), progress.getExtentsTotal(), "extents");
    }

    private static String describe(VerifyProgress result) {
        var text = new StringBuilder();
        if (result.getExtentsEqual() == result.getExtentsTotal() && result.getDifferencesCount() == 0) {
            text.append("Equal: the replicas hold the same data in all ").append(result.getExtentsTotal());
            text.append(" extents.\n");
        } else {
            boolean isLost = result.getDifferentBlocks() == 0 && result.getLostBlocks() > 0;
            text.append(isLost ? "DAMAGED: " : "DIFFERENT: ");
            text.append(result.getExtentsTotal() - result.getExtentsEqual());
            text.append(" of ").append(result.getExtentsTotal()).append(" extents ");
            text.append(isLost ? "hold blocks that no replica can give.\n" : "differ between replicas.\n");
        }
        if (result.getDamagedBlocks() > 0) {
            text.append("Damaged blocks: ").append(result.getDamagedBlocks());
            text.append("; repaired from another replica: ").append(result.getRepairedBlocks());
            text.append("; damaged on every replica: ")
                    .append(result.getLostBlocks())
                    .append(".\n");
        }
        if (result.getDifferentBlocks() > 0) {
            text.append("Blocks that differ: ")
                    .append(result.getDifferentBlocks())
                    .append(".\n");
        }
        result.getDifferencesList()
                .forEach(place -> text.append("  ").append(place).append('\n'));
        return text.toString();
    }
}
