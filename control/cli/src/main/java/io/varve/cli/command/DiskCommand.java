package io.varve.cli.command;

import io.varve.api.AddDiskRequest;
import io.varve.api.DeviceClass;
import io.varve.api.DiskGroup;
import io.varve.api.ListDiskGroupsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.RetryDiskRequest;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import io.varve.model.ByteSize;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve disk …}. */
@Command(
        name = "disk",
        description = "Disks and the groups that they form.",
        subcommands = {
            DiskCommand.ListDisks.class,
            DiskCommand.Add.class,
            DiskCommand.Retry.class,
            DiskLeaveCommands.Evict.class,
            DiskLeaveCommands.Replace.class,
            DiskLeaveCommands.Check.class,
            DiskLeaveCommands.Remove.class
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve disk list", "  varve disk add /dev/nvme1n1 --node n1 --group second --class nvme"})
final class DiskCommand extends GroupCommand {
    /** A file of many gigabytes is filled with zeros before it can be used. */
    private static final Duration ADD_LIMIT = Duration.ofMinutes(30);

    @Command(
            name = "list",
            description = {
                "Disk groups and their devices. STATE is OK, SLOW or FAILED, and says when the group is evicted, or silent: nothing was heard of it for 15 s."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve disk list", "  varve disk list --node n1"})
    static final class ListDisks implements Runnable {
        @Option(names = "--node", paramLabel = "NODE", description = "Only this node's.")
        private String node = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var answer = root.ask(ManagementGrpcClient.ListDiskGroups, ListDiskGroupsRequest.getDefaultInstance());
            var wanted = answer.toBuilder()
                    .clearGroups()
                    .addAllGroups(answer.getGroupsList().stream()
                            .filter(group -> node.isEmpty() || group.getNode().equals(node))
                            .toList())
                    .build();
            root.print(wanted, groups -> table(groups.getGroupsList()));
        }
    }

    @Command(
            name = "add",
            description = {
                "Takes a device into a new disk group of a node, for good; the node remembers it.",
                "A device that holds a file system, a partition table or another owner's data is refused."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  varve disk add /dev/nvme1n1 --node n1 --group second --class nvme",
                "  varve disk add /var/lib/varve/disk2 --node n1 --group third --class hdd --size 20GiB",
            })
    static final class Add implements Runnable {
        @Parameters(paramLabel = "PATH", description = "Block device or file, as the node sees it.")
        private String path = "";

        @Option(names = "--node", paramLabel = "NODE", required = true, description = "The node that has the device.")
        private String node = "";

        @Option(
                names = "--group",
                paramLabel = "GROUP",
                required = true,
                description = "A name for the group, new on that node.")
        private String group = "";

        @Option(names = "--class", paramLabel = "CLASS", required = true, description = "nvme, ssd or hdd.")
        private Kind kind = Kind.SSD;

        @Option(names = "--size", paramLabel = "SIZE", description = "Make a missing file this large.")
        private @Nullable ByteSize size;

        @Option(
                names = "--journal",
                paramLabel = "SIZE",
                description =
                        "Size of the journal, 256MiB to 64GiB. Default: a sixteenth of the device, 256MiB to 4GiB.")
        private @Nullable ByteSize journal;

        @Option(names = "--wipe", description = "Take the device whatever it holds. Everything on it is lost.")
        private boolean wipe;

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var request = AddDiskRequest.newBuilder()
                    .setNode(node)
                    .setGroup(group)
                    .setPath(path)
                    .setDeviceClass(DeviceClass.valueOf(kind.name()))
                    .setWipe(wipe)
                    .setCreateBytes(size == null ? 0 : size.bytes())
                    .setJournalBytes(journal == null ? 0 : journal.bytes())
                    .build();
            root.print(root.ask(ManagementGrpcClient.AddDisk, request, ADD_LIMIT), added -> table(List.of(added)));
        }
    }

    @Command(
            name = "retry",
            description = {
                "Opens disk groups again that failed or could not be opened, without a restart of their node: after a cable, a controller or a file system was put"
                        + " right, or a disk was put back. Their copies get what they missed.",
                "A group that hung and answers again needs no such command. Exits with 1 when a group still does not serve; the table says why."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve disk retry n1/fast", "  varve disk retry n1          all groups of n1 that do not serve"
            })
    static final class Retry implements Callable<Integer> {
        /** Disks let go, and open, within their limits; the servers between add theirs. */
        private static final Duration RETRY_LIMIT = Duration.ofSeconds(75);

        @Parameters(paramLabel = "NODE[/GROUP]", description = "The node's id, and the group's name.")
        private String place = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            var root = RootCommand.of(spec);
            var request = RetryDiskRequest.newBuilder().setNode(place);
            if (place.contains("/")) {
                var at = DiskLeaveCommands.Place.of(spec, place);
                request.setNode(at.node()).setGroup(at.group());
            }
            var answer = root.ask(ManagementGrpcClient.RetryDisk, request.build(), RETRY_LIMIT);
            root.print(answer, tried -> table(tried.getGroupsList()));
            return answer.getGroupsList().stream()
                            .flatMap(group -> group.getDevicesList().stream())
                            .anyMatch(device -> device.getState().equals("FAILED"))
                    ? ExitCode.FAILED
                    : ExitCode.OK;
        }
    }

    /** What a device can be called on the command line. */
    enum Kind {
        NVME,
        SSD,
        HDD
    }

    private static String silence(DiskGroup group) {
        return group.getSilent()
                ? ", silent" + (group.getSilentMillis() == 0 ? "" : " for " + group.getSilentMillis() / 1_000 + " s")
                : "";
    }

    private static String table(List<DiskGroup> groups) {
        var table = Table.of("NODE", "GROUP", "DEVICE", "CLASS", "STATE", ">SIZE", ">FREE", ">GROUP FREE", ">THICK");
        for (var group : groups) {
            for (var device : group.getDevicesList()) {
                table.row(
                        group.getNode(),
                        group.getName(),
                        device.getPath(),
                        device.getDeviceClass().name().toLowerCase(Locale.ROOT),
                        device.getState() + (group.getEvicting() ? ", evicting" : "") + silence(group),
                        Text.size(device.getSizeBytes()),
                        Text.size(device.getFreeBytes()),
                        Text.size(group.getFreeBytes()) + " of " + Text.size(group.getCapacityBytes()),
                        Text.size(group.getGuaranteedBytes()));
            }
        }
        var told = RootCommand.tableOr(table, "No disks.");
        var details = groups.stream()
                .flatMap(group -> group.getDevicesList().stream()
                        .filter(device -> !device.getDetail().isEmpty())
                        .map(device -> group.getNode() + " " + device.getPath() + ": " + device.getDetail()))
                .collect(Collectors.joining("\n"));
        return details.isEmpty() ? told : told + "\n" + details;
    }
}
