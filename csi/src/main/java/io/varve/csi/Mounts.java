package io.varve.csi;

import io.varve.csi.spec.NodeGetVolumeStatsResponse;
import io.varve.csi.spec.VolumeUsage;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Makes and mounts file systems on this machine. Each step looks first what is there, so that it may be repeated. Blocks. */
final class Mounts {
    /** One mount over the other, on one path. */
    private static final int MAX_LAYERS = 16;

    /** blkid(8): nothing was recognised. */
    private static final int BLKID_NOTHING = 2;

    // ------------------------------------------------------------------ a device

    /** The device's file system at the staging path: made if the device is empty, checked, mounted. */
    void mountDevice(String device, StagedVolume staged, List<String> flags, Parameters parameters) {
        Path path = Path.of(staged.stagingPath());
        Optional<MountTable.Entry> there = MountTable.now().at(path);
        if (there.isPresent() && there.get().isOf(device)) {
            return;
        }
        if (there.isPresent()) {
            throw new CsiFailure(
                    GrpcStatus.ALREADY_EXISTS,
                    path + " is a mount of " + there.get().source() + " already");
        }
        FileSystem wanted = FileSystem.of(staged.fsType()).orElseThrow();
        String found = typeOf(device);
        if (found.isEmpty()) {
            if (staged.readOnly()) {
                throw CsiFailure.precondition(
                        "volume '" + staged.volume() + "' has no file system, and is to be read only");
            }
            new Command(wanted.make(device, parameters.mkfsOptions()), Command.WHOLE_VOLUME_LIMIT).must();
        } else if (!found.equals(wanted.kind())) {
            throw CsiFailure.precondition("volume '" + staged.volume() + "' holds " + found + ", not " + wanted.kind()
                    + ": nothing was touched");
        } else if (!staged.readOnly()) {
            wanted.check(device)
                    .ifPresent(
                            check -> new Command(check.command(), Command.WHOLE_VOLUME_LIMIT).must(check.worstExit()));
        }
        createDirectory(path);
        List<String> options = new ArrayList<>(wanted.mountOptions());
        options.addAll(flags);
        if (staged.readOnly()) {
            options.add("ro");
        }
        mount(List.of("-t", wanted.kind()), options, device, path);
    }

    /** The name of what is on the device, as blkid has it; empty: nothing. Never guessed: an error is one. */
    private static String typeOf(String device) {
        Command.Outcome found =
                Command.of("blkid", "-p", "-o", "export", device).run();
        if (found.code() == BLKID_NOTHING) {
            return "";
        }
        if (found.code() != 0) {
            throw new CsiFailure(GrpcStatus.INTERNAL, "blkid cannot tell what is on " + device + ": " + found.output());
        }
        return found.output()
                .lines()
                .filter(line -> line.startsWith("TYPE=") || line.startsWith("PTTYPE="))
                .map(line -> line.substring(line.indexOf('=') + 1))
                .findFirst()
                .orElse("something that blkid gives no name");
    }

    // ------------------------------------------------------------------ binds

    /** The staging path of {@code device} at the target. */
    void bindDirectory(String device, Path source, Path target, boolean readOnly, List<String> flags) {
        if (isThere(MountTable.now(), device, target, readOnly)) {
            setOptions(source.toString(), target, readOnly, flags);
            return;
        }
        createDirectory(target);
        bind(source.toString(), target, readOnly, flags);
    }

    /** The device node itself, as a file. */
    void bindDevice(String device, Path target, boolean readOnly) {
        if (isThere(MountTable.now(), device, target, readOnly)) {
            setOptions(device, target, readOnly, List.of());
            return;
        }
        try {
            if (target.getParent() != null) {
                createDirectory(target.getParent());
            }
            if (!Files.exists(target)) {
                Files.createFile(target);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        bind(device, target, readOnly, List.of());
    }

    /** Writable where it shall be read only, it is what a publish has left that was killed between bind and remount; the other way round it never is. */
    static boolean isThere(MountTable mounts, String device, Path target, boolean readOnly) {
        Optional<MountTable.Entry> there = mounts.at(target);
        if (there.isPresent() && !there.get().isOf(device)) {
            throw new CsiFailure(
                    GrpcStatus.ALREADY_EXISTS,
                    target + " is a mount of " + there.get().source() + " already");
        }
        if (there.isPresent() && there.get().isReadOnly() && !readOnly) {
            throw new CsiFailure(GrpcStatus.ALREADY_EXISTS, target + " is there already, read only");
        }
        return there.isPresent();
    }

    private void bind(String source, Path target, boolean readOnly, List<String> flags) {
        mount(List.of("--bind"), List.of(), source, target);
        try {
            setOptions(source, target, readOnly, flags);
        } catch (CsiFailure e) {
            unmountAll(target);
            throw e;
        }
    }

    /** A bind mount takes its options only when it is mounted once more. */
    private static void setOptions(String source, Path target, boolean readOnly, List<String> flags) {
        List<String> options = new ArrayList<>(List.of("bind"));
        options.addAll(flags.stream().filter(Mounts::isOfTheMount).toList());
        if (readOnly) {
            options.add("ro");
        }
        if (options.size() > 1) {
            mount(List.of(), remount(options), source, target);
        }
    }

    private static List<String> remount(List<String> options) {
        List<String> all = new ArrayList<>(List.of("remount"));
        all.addAll(options);
        return all;
    }

    /** Others are of the file system, and were given when that was mounted. */
    private static boolean isOfTheMount(String flag) {
        return List.of("noexec", "nosuid", "nodev", "noatime", "nodiratime", "relatime")
                .contains(flag);
    }

    private static void mount(List<String> how, List<String> options, String source, Path target) {
        List<String> command = new ArrayList<>(List.of("mount"));
        command.addAll(how);
        if (!options.isEmpty()) {
            command.addAll(List.of("-o", String.join(",", options)));
        }
        command.addAll(List.of(source, target.toString()));
        new Command(command).must(0);
    }

    // ------------------------------------------------------------------ ends

    /** Nothing is mounted there any more. */
    void unmountAll(Path path) {
        for (int layer = 0; layer < MAX_LAYERS && MountTable.now().at(path).isPresent(); layer++) {
            Command.of("umount", path.toString()).must();
        }
    }

    /** The device, whose end has come, is mounted nowhere any more: at once, also where somebody still has a file of it open. */
    void cutOff(String device) {
        for (String point : MountTable.now().pointsOf(device).reversed()) {
            Command.of("umount", "--lazy", point).must();
        }
    }

    /** Likewise, whatever is mounted there. */
    void cutOff(Path point) {
        for (int layer = 0; layer < MAX_LAYERS && MountTable.now().at(point).isPresent(); layer++) {
            Command.of("umount", "--lazy", point.toString()).must();
        }
    }

    /** A file or an empty directory; nothing, if there is nothing. */
    static void remove(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            throw new CsiFailure(GrpcStatus.INTERNAL, "cannot remove " + path + ": " + e);
        }
    }

    private static void createDirectory(Path path) {
        try {
            Files.createDirectories(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // ------------------------------------------------------------------ figures

    /** Block size, blocks, free, available to users, inodes, free inodes. */
    NodeGetVolumeStatsResponse usage(Path path) {
        String[] figures = Command.of("stat", "-f", "-c", "%S %b %f %a %c %d", path.toString())
                .must()
                .split(" ", -1);
        long unit = Long.parseLong(figures[0]);
        long blocks = Long.parseLong(figures[1]);
        long free = Long.parseLong(figures[2]);
        long inodes = Long.parseLong(figures[4]);
        NodeGetVolumeStatsResponse.Builder answer = NodeGetVolumeStatsResponse.newBuilder()
                .addUsage(VolumeUsage.newBuilder()
                        .setUnit(VolumeUsage.Unit.BYTES)
                        .setTotal(blocks * unit)
                        .setUsed((blocks - free) * unit)
                        .setAvailable(Long.parseLong(figures[3]) * unit));
        // btrfs has none.
        if (inodes > 0) {
            answer.addUsage(VolumeUsage.newBuilder()
                    .setUnit(VolumeUsage.Unit.INODES)
                    .setTotal(inodes)
                    .setUsed(inodes - Long.parseLong(figures[5]))
                    .setAvailable(Long.parseLong(figures[5])));
        }
        return answer.build();
    }
}
