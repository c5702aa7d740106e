package io.varve.identity;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/** Small files that only their owner may read, old or new and never anything between, whenever the power fails. Blocking. */
public final class SecretFile {
    private static final Set<PosixFilePermission> OWNER = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> OWNERS_DIRECTORY = PosixFilePermissions.fromString("rwx------");
    private static final Set<PosixFilePermission> OTHERS = EnumSet.of(
            PosixFilePermission.GROUP_READ,
            PosixFilePermission.GROUP_WRITE,
            PosixFilePermission.OTHERS_READ,
            PosixFilePermission.OTHERS_WRITE);

    private SecretFile() {}

    private static boolean isRoots(Path path) throws IOException {
        return Files.getAttribute(path, "unix:uid").equals(0);
    }

    /** Replaces the file; its directory is made, for its owner alone, when it is missing. Durable when it returns. */
    public static void write(Path file, String text) throws IOException {
        Path directory = file.toAbsolutePath().getParent();
        if (directory == null) {
            throw new IOException(file + " is not a file");
        }
        makeDirectory(directory);
        Path next = directory.resolve(file.getFileName() + ".new");
        Files.deleteIfExists(next); // one that is there would keep its permissions
        try (FileChannel channel = FileChannel.open(
                next,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(OWNER))) {
            ByteBuffer rest = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
            channel.force(true);
        }
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        sync(directory);
    }

    /** Each with its entry in the one above it durable. */
    private static void makeDirectory(Path directory) throws IOException {
        Path above = directory.getParent();
        if (above == null || Files.isDirectory(directory)) {
            return;
        }
        makeDirectory(above);
        Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(OWNERS_DIRECTORY));
        sync(above);
    }

    private static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /**
     * The file's text. Refuses one that holds a private key or a token and that others may read or write. Root's own file may
     * be read by the group of a process that is not root's: so Kubernetes shows it a secret.
     */
    public static String read(Path file) throws IOException {
        String text = Files.readString(file);
        if (text.contains("PRIVATE KEY-----") || text.contains("token:")) {
            Set<PosixFilePermission> permissions = EnumSet.copyOf(Files.getPosixFilePermissions(file));
            permissions.retainAll(OTHERS);
            if (isRoots(file) && !isRoots(Path.of("/proc/self"))) {
                permissions.remove(PosixFilePermission.GROUP_READ);
            }
            if (!permissions.isEmpty()) {
                throw new IOException(
                        file + " holds a secret and others than its owner may open it: chmod 600 " + file);
            }
        }
        return text;
    }
}
