package io.varve.cli.discovery;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.dataplane.disk.DeviceLook;
import io.varve.dataplane.disk.MachineDisk;
import io.varve.dataplane.disk.MachineDisks;
import io.varve.dataplane.store.SuperblockMark;
import io.varve.model.ByteSize;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code varve disk discover}: which disks of this machine its node would get, and why not the others. */
@Command(
        name = "discover",
        description = {
            "Tells which disks of this machine a node would get, and of each other one why not. Reads only, and asks no server.",
            "With --record the node gets them: FILE is the list 'disks' of its configuration, each disk a disk group of its own. What was taken once stays in it.",
            "A disk that holds anything, is in use, has partitions, is removable, is reached over a network or has no name in /dev/disk/by-id is left alone."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve disk discover",
            "  varve disk discover --by-id 'nvme-*' --min-size 100GiB --exclude 'nvme-*_S676NX0R123456*'",
            "  varve disk discover --by-id 'ata-*' --rotational yes --record /var/lib/varve/disks.yaml",
        })
public final class DiskDiscoverCommand implements Runnable {
    @Option(
            names = "--by-id",
            paramLabel = "GLOB",
            split = ",",
            description = "Only disks with a name in /dev/disk/by-id that matches one of these. Default: any.")
    private List<String> byId = List.of();

    @Option(names = "--min-size", paramLabel = "SIZE", description = "Only disks of this size or more.")
    private @Nullable ByteSize minimum;

    @Option(names = "--max-size", paramLabel = "SIZE", description = "Only disks of this size or less.")
    private @Nullable ByteSize maximum;

    @Option(names = "--rotational", paramLabel = "yes|no", description = "Only disks that turn, or that don't.")
    private @Nullable Answer rotational;

    @Option(
            names = "--include",
            paramLabel = "GLOB",
            split = ",",
            description = "These too, whatever the options above say.")
    private List<String> include = List.of();

    @Option(
            names = "--exclude",
            paramLabel = "GLOB",
            split = ",",
            description =
                    "Not these, whatever else is said. One that was taken before is left out of the configuration: evict it first.")
    private List<String> exclude = List.of();

    @Option(
            names = "--journal",
            paramLabel = "SIZE",
            defaultValue = "",
            description = "Size of the journal on each new disk. Default: by the disk's size.")
    private String journal = "";

    @Option(
            names = "--record",
            paramLabel = "FILE",
            description = "Take what is found: the node's disks, those of before included.")
    private @Nullable Path record;

    @Option(names = "--dry-run", description = "Do not write to FILE, only read it.")
    private boolean dryRun;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    /** What can be said to --rotational. */
    enum Answer {
        YES,
        NO
    }

    @Override
    public void run() {
        var out = RootCommand.of(spec).out();
        var selector = selector();
        try {
            var taken = record == null ? List.<TakenDisks.Entry>of() : TakenDisks.load(record);
            var found = Discovery.of(MachineDisks.find(), taken, selector, journal(), DiskDiscoverCommand::look);
            found.lines().forEach(out::println);
            if (record != null && !dryRun) {
                TakenDisks.store(record, found.taken());
            }
            var used = found.taken().stream().filter(TakenDisks.Entry::isUsed).count();
            out.println(used + " of " + found.findings().size() + " disks"
                    + (record == null || dryRun ? " would be the node's. Nothing was changed." : " are the node's."));
            out.flush();
        } catch (IOException e) {
            throw new CommandFailure(ExitCode.FAILED, String.valueOf(e.getMessage()), "");
        }
    }

    private DiskSelector selector() {
        if (record != null && byId.isEmpty() && include.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(), "--record needs --by-id or --include; every blank disk is --by-id '*'.");
        }
        return new DiskSelector(
                globs(byId),
                minimum == null ? 0 : minimum.bytes(),
                maximum == null ? Long.MAX_VALUE : maximum.bytes(),
                Optional.ofNullable(rotational).map(answer -> answer == Answer.YES),
                globs(include),
                globs(exclude));
    }

    private List<NameGlob> globs(List<String> texts) {
        try {
            return texts.stream().map(NameGlob::parse).toList();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        }
    }

    private String journal() {
        try {
            return journal.isEmpty()
                    ? ""
                    : io.varve.cli.config.ConfigValues.journal(journal).toString();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--journal: " + e.getMessage(), e);
        }
    }

    private static Optional<String> look(MachineDisk disk) {
        return switch (DeviceLook.at(TakenDisks.path(disk.ids().getFirst()), SuperblockMark::isIn)) {
            case DeviceLook.Outcome.Refused(var why) -> Optional.of(why);
            case DeviceLook.Outcome.Seen(var signature) when signature.isBlank() -> Optional.empty();
            case DeviceLook.Outcome.Seen(var signature)
            when signature.isOwn() ->
                Optional.of(
                        "holds a Varve superblock, and this node does not know the disk: wipe it (wipefs --all) if it is to be taken");
            case DeviceLook.Outcome.Seen(var signature) -> Optional.of("holds " + signature.describe());
        };
    }
}
