package io.varve.cli.command;

import io.varve.model.Redundancy;
import java.util.OptionalInt;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** {@code --min-in-sync}: what a volume does when copies are lost, the same wherever it can be said. */
final class MinInSync {
    @Option(
            names = "--min-in-sync",
            paramLabel = "N",
            description = {
                "The fewest copies that must hold a write before it is acknowledged, 1 to the number of copies, or 'default': 1, 1, 2 for 1, 2, 3 copies.",
                "Copies that are lost are left out down to that many, and then clients wait until one is back. More is safer: what was acknowledged is on so many"
                        + " disks at any time. Fewer is available longer. As many as there are copies: every stop of a node that has one is a pause."
            })
    private String text = "";

    /** Empty: nothing was said. 0: the default. */
    OptionalInt value(CommandSpec spec, int replicas) {
        if (text.isEmpty()) {
            return OptionalInt.empty();
        }
        if (text.equals("default")) {
            return OptionalInt.of(0);
        }
        if (!text.matches("[0-9]{1,3}") || Integer.parseInt(text) < 1) {
            throw wrong(
                    spec,
                    "--min-in-sync is '" + text + "'; it can be 1, 2, 3, no more than there are copies, or default.");
        }
        int value = Integer.parseInt(text);
        if (replicas > 0 && !Redundancy.objection(replicas, value).isEmpty()) {
            throw wrong(
                    spec,
                    "--min-in-sync is " + value + "; with " + replicas + " copies it can be 1 to " + replicas
                            + ", or default.");
        }
        return OptionalInt.of(value);
    }

    private static CommandLine.ParameterException wrong(CommandSpec spec, String why) {
        return new CommandLine.ParameterException(spec.commandLine(), why);
    }
}
