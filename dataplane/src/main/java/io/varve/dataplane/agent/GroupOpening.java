package io.varve.dataplane.agent;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.DeviceSignature;
import io.varve.dataplane.disk.DeviceSpec;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.disk.LocalDisks;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.DiskGroupFormat;
import io.varve.dataplane.store.DiskGroupOptions;
import io.varve.dataplane.store.GroupDisk;
import io.varve.dataplane.store.GroupIdentity;
import io.varve.dataplane.store.OpenResult;
import io.varve.dataplane.store.SuperblockMark;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.index.LmdbIndex;
import io.varve.dataplane.time.VertxLoop;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The steps of opening one disk group of this node: identity, devices, what lies on them, format if everything is blank and was never
 * formatted, index, store. Whatever does not fit stops it with a sentence that names the device. On the group's loop.
 */
public final class GroupOpening {
    private static final Logger LOG = LoggerFactory.getLogger(GroupOpening.class);

    /** Zeroed beyond the journal's nominal size: superblocks and the rounding of segments. */
    private static final long JOURNAL_MARGIN_BYTES = 128L << 20;

    /** Address space for the index: LMDB takes what it needs of it. 256 MiB per TiB are planned; this is room for 256 TiB. */
    private static final long INDEX_MAP_BYTES = 64L << 30;

    private final VertxLoop loop;
    private final LocalDisks localDisks;
    private final GroupConfig config;
    private final Path directory;
    private final UUID cluster;
    private final String node;
    private final Consumer<Outcome> done;
    private final List<GroupDisk> disks = new ArrayList<>();
    private @Nullable GroupIdentityFile identity;
    private @Nullable ExtentIndex index;
    private @Nullable String problem;

    /** How it ended. */
    public sealed interface Outcome {
        record Opened(DiskGroup store, List<LocalGroup.OpenDevice> devices) implements Outcome {}

        /**
         * {@code reason}: a sentence for people. Every device is closed again. {@code group}: its UUID, if it was formatted once, here or before.
         */
        record Refused(String reason, Optional<String> group) implements Outcome {}
    }

    private GroupOpening(
            VertxLoop loop,
            LocalDisks localDisks,
            GroupConfig config,
            Path dataDirectory,
            UUID cluster,
            String node,
            Consumer<Outcome> done) {
        this.loop = loop;
        this.localDisks = localDisks;
        this.config = config;
        this.directory = dataDirectory.resolve("groups").resolve(config.name());
        this.cluster = cluster;
        this.node = node;
        this.done = done;
    }

    /** On the loop; {@code done} runs there, later, once. */
    public static void open(
            VertxLoop loop,
            LocalDisks disks,
            GroupConfig config,
            Path dataDirectory,
            UUID cluster,
            String node,
            Consumer<Outcome> done) {
        new GroupOpening(loop, disks, config, dataDirectory, cluster, node, done).loadIdentity();
    }

    private void loadIdentity() {
        loop.offload(
                () -> {
                    try {
                        identity = GroupIdentityFile.load(directory);
                    } catch (IOException e) {
                        problem = "cannot read the identity of disk group " + config.name() + ": " + e.getMessage();
                    }
                },
                () -> step(() -> openDevice(0)));
    }

    private void openDevice(int i) {
        if (i == config.devices().size()) {
            lookAt(0, 0);
            return;
        }
        GroupConfig.Device device = config.devices().get(i);
        // A file that is missing although the group was formatted is a lost disk: an empty one in its place would only
        // hide that.
        long create = identity().formatted() ? 0 : device.createBytes();
        long zeroFill = device.zeroFill()
                ? create
                : Math.min(create, journalBytes(device.createBytes()) + JOURNAL_MARGIN_BYTES);
        localDisks.open(loop, new DeviceSpec(device.path(), create, zeroFill, false), outcome -> {
            switch (outcome) {
                case LocalDisks.Outcome.Ready ready -> {
                    DeviceClass deviceClass = device.deviceClass().orElse(ready.deviceClass());
                    disks.add(new GroupDisk(ready.disk(), deviceClass));
                    openDevice(i + 1);
                }
                case LocalDisks.Outcome.Refused refused -> refuse(refused.reason());
            }
        });
    }

    /** Nothing is written before every device was looked at. */
    private void lookAt(int i, int blank) {
        if (i == disks.size()) {
            loop.offload(
                    this::openIndex,
                    () -> step(() -> {
                        if (blank == disks.size() && !identity().formatted()) {
                            format();
                        } else {
                            openStore();
                        }
                    }));
            return;
        }
        Disk disk = disks.get(i).disk();
        boolean mayWipe = config.devices().get(i).wipe() && !identity().formatted();
        DeviceSignature.look(disk, SuperblockMark::isIn, outcome -> {
            switch (outcome) {
                case DeviceSignature.Outcome.Unreadable unreadable ->
                    refuse("cannot read " + disk.name() + ": " + Errno.describe(unreadable.errno()));
                case DeviceSignature.Outcome.Seen seen -> {
                    boolean free = seen.signature().isBlank() || mayWipe;
                    if (!free && !seen.signature().isOwn()) {
                        refuse(
                                disk.name() + " holds " + seen.signature().describe()
                                        + ": it was left alone. Name another device; or, if that may be destroyed, say wipe: true in the configuration, --wipe at disk add");
                    } else {
                        lookAt(i + 1, free ? blank + 1 : blank);
                    }
                }
            }
        });
    }

    private void openIndex() {
        try {
            index = LmdbIndex.open(directory.resolve("index"), INDEX_MAP_BYTES);
        } catch (IOException e) {
            problem =
                    "cannot open the index of disk group " + config.name() + " in " + directory + ": " + e.getMessage();
        }
    }

    private void format() {
        LOG.info(
                "group formats name={} group={} devices={}",
                config.name(),
                identity().group(),
                disks.size());
        boolean wipe = config.devices().stream().anyMatch(GroupConfig.Device::wipe);
        DiskGroupFormat.format(
                loop, disks, groupIdentity(), options(), openedIndex(), wipe, UUID.randomUUID(), failure -> {
                    problem = failure;
                    step(this::openStore);
                });
    }

    private void openStore() {
        DiskGroup.open(loop, disks, groupIdentity(), options(), openedIndex(), result -> {
            switch (result) {
                case OpenResult.Refused refused -> refuse(refused.message());
                case OpenResult.Opened opened -> remember(opened.group());
            }
        });
    }

    /** The store has opened, so it is formatted: from now on an empty disk here is never taken for a new one. */
    private void remember(DiskGroup store) {
        loop.offload(
                () -> {
                    try {
                        if (!identity().formatted()) {
                            identity().nowFormatted().store(directory);
                        }
                    } catch (IOException e) {
                        problem = "cannot write the identity of disk group " + config.name() + ": " + e.getMessage();
                    }
                },
                () -> {
                    String failure = problem;
                    if (failure != null) {
                        store.close(() -> done.accept(refused(failure)));
                        return;
                    }
                    List<LocalGroup.OpenDevice> devices = disks.stream()
                            .map(disk -> new LocalGroup.OpenDevice(
                                    disk.disk().name(),
                                    disk.deviceClass(),
                                    disk.disk().sizeBytes()))
                            .toList();
                    done.accept(new Outcome.Opened(store, devices));
                });
    }

    private void step(Runnable next) {
        String failure = problem;
        if (failure != null) {
            refuse(failure);
        } else {
            next.run();
        }
    }

    private void refuse(String reason) {
        closeDisk(0, reason);
    }

    private void closeDisk(int i, String reason) {
        if (i < disks.size()) {
            disks.get(i).disk().close(() -> closeDisk(i + 1, reason));
            return;
        }
        ExtentIndex opened = index;
        loop.offload(
                () -> {
                    if (opened != null) {
                        opened.close();
                    }
                },
                () -> done.accept(refused(reason)));
    }

    private Outcome.Refused refused(String reason) {
        GroupIdentityFile known = identity;
        return new Outcome.Refused(
                reason,
                known != null && known.formatted() ? Optional.of(known.group().toString()) : Optional.empty());
    }

    /** The journal lies on the first flash device, or on the first device when there is none. */
    private DiskGroupOptions options() {
        Disk holder = disks.stream()
                .filter(disk -> disk.deviceClass() != DeviceClass.HDD)
                .findFirst()
                .orElse(disks.getFirst())
                .disk();
        return DiskGroupOptions.DEFAULTS.withJournalBytes(journalBytes(holder.sizeBytes()));
    }

    private long journalBytes(long deviceBytes) {
        return config.journalBytes() == 0 ? GroupConfig.journalFor(deviceBytes) : config.journalBytes();
    }

    private GroupIdentity groupIdentity() {
        return new GroupIdentity(cluster, node, identity().group());
    }

    private GroupIdentityFile identity() {
        GroupIdentityFile loaded = identity;
        Invariant.check(loaded != null, "the group's identity is loaded first");
        return java.util.Objects.requireNonNull(loaded);
    }

    private ExtentIndex openedIndex() {
        return java.util.Objects.requireNonNull(index);
    }
}
