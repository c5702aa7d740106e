package io.varve.cli.command;

import io.varve.api.CheckDepartureRequest;
import io.varve.api.Departure;
import io.varve.api.EvictDiskRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.RemoveDiskRequest;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** How the disks of a group leave: {@code varve disk evict, replace, check, remove}. */
final class DiskLeaveCommands {
    private DiskLeaveCommands() {}

    /** A disk group on the command line. */
    record Place(String node, String group) {
        static Place of(CommandSpec spec, String text) {
            var slash = text.indexOf('/');
            if (slash <= 0 || slash == text.length() - 1) {
                throw new CommandLine.ParameterException(
                        spec.commandLine(),
                        "'" + text + "' is no NODE/GROUP; write for example n1/fast ('varve disk list' shows them).");
            }
            return new Place(text.substring(0, slash), text.substring(slash + 1));
        }

        CheckDepartureRequest check() {
            return CheckDepartureRequest.newBuilder()
                    .setNode(node)
                    .setGroup(group)
                    .build();
        }
    }

    @Command(
            name = "evict",
            description = {
                "Moves all copies away from a disk group, while they are in use; none come to it any more.",
                "No copy leaves before its replacement is in sync."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve disk evict n1/fast --wait", "  varve disk evict n1/fast --undo"})
    static final class Evict implements Runnable {
        @Parameters(paramLabel = "NODE/GROUP", description = "The node's id and the group's name.")
        private String place = "";

        @Option(names = "--undo", description = "Copies may be there again; what was moved away stays where it is.")
        private boolean undo;

        @Mixin
        private DepartureWait wait = new DepartureWait();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var at = Place.of(spec, place);
            var evicted = root.ask(
                    ManagementGrpcClient.EvictDisk,
                    EvictDiskRequest.newBuilder()
                            .setNode(at.node)
                            .setGroup(at.group)
                            .setUndo(undo)
                            .build());
            if (undo) {
                root.print(evicted, answer -> place + " is evicted no longer.\n");
            } else if (wait.isAsked()) {
                root.print(
                        wait.until(root, at.check(), place),
                        empty -> place + " is empty.\n" + DepartureWait.describe(empty));
            } else {
                root.print(
                        evicted,
                        answer -> "Evicting " + place + ": its copies move away. 'varve disk check " + place
                                + "' tells when it is safe to pull, 'varve rebuild list' how far it is.\n");
            }
        }
    }

    @Command(
            name = "replace",
            description = {
                "The same as evict, and tells the steps to a new disk in its place.",
                "With --wait the group is also struck off when it is empty, so that only the disk is left to change."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve disk replace n1/fast --wait"})
    static final class Replace implements Runnable {
        @Parameters(paramLabel = "NODE/GROUP", description = "The node's id and the group's name.")
        private String place = "";

        @Mixin
        private DepartureWait wait = new DepartureWait();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var at = Place.of(spec, place);
            var evicted = root.ask(
                    ManagementGrpcClient.EvictDisk,
                    EvictDiskRequest.newBuilder()
                            .setNode(at.node)
                            .setGroup(at.group)
                            .build());
            if (!wait.isAsked()) {
                root.print(evicted, answer -> "Evicting " + place + ". Then:\n" + steps(place, at, true));
                return;
            }
            wait.until(root, at.check(), place);
            var removed = root.ask(
                    ManagementGrpcClient.RemoveDisk,
                    RemoveDiskRequest.newBuilder()
                            .setNode(at.node)
                            .setGroup(at.group)
                            .build());
            root.print(
                    removed,
                    answer -> "Removed " + place + ": its disks may be pulled now. Then:\n" + steps(place, at, false));
        }

        private static String steps(String place, Place at, boolean fromTheStart) {
            var before = fromTheStart
                    ? "  varve disk check " + place + "      until it says yes\n  varve disk remove " + place + "\n"
                    : "";
            return before + "  take the group out of the configuration of " + at.node + ", if it stands there\n"
                    + "  change the disk\n"
                    + "  varve disk add PATH --node " + at.node + " --group NEW-NAME --class CLASS\n";
        }
    }

    @Command(
            name = "check",
            description = {
                "Is it safe to pull the disks of this group? Says yes or no, and why. Changes nothing.",
                "Exits with 0 when it is, with 5 when it is not."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve disk check n1/fast", "  varve disk check n1/fast -o json | jq .safe"})
    static final class Check implements Callable<Integer> {
        @Parameters(paramLabel = "NODE/GROUP", description = "The node's id and the group's name.")
        private String place = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            var root = RootCommand.of(spec);
            Departure departure = root.ask(
                    ManagementGrpcClient.CheckDeparture, Place.of(spec, place).check());
            root.print(departure, DepartureWait::describe);
            return departure.getSafe() ? ExitCode.OK : ExitCode.NOT_SAFE;
        }
    }

    @Command(
            name = "remove",
            description = {
                "Strikes a disk group off, for good: one that was evicted, or one whose disks failed and whose copies are elsewhere by now.",
                "Refused, with the reason, while anything depends on it. A removed group that comes back is not let in."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve disk remove n1/fast"})
    static final class Remove implements Runnable {
        @Parameters(paramLabel = "NODE/GROUP", description = "The node's id and the group's name.")
        private String place = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var at = Place.of(spec, place);
            root.print(
                    root.ask(
                            ManagementGrpcClient.RemoveDisk,
                            RemoveDiskRequest.newBuilder()
                                    .setNode(at.node)
                                    .setGroup(at.group)
                                    .build()),
                    removed -> "Removed " + place
                            + ": its disks may be pulled. Take the group out of the configuration of " + at.node
                            + ", if it stands there.\n");
        }
    }
}
