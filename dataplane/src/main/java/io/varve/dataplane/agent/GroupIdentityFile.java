package io.varve.dataplane.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/**
 * What a node remembers of a disk group beside the disks: its UUID, and whether it was formatted. Once it was, an empty disk in its place
 * is a wrong or dead disk and never taken for a new one. Blocking: on a worker.
 */
record GroupIdentityFile(UUID group, boolean formatted) {
    private static final String FILE = "group";

    /** Reads the file, or makes one with a fresh UUID. */
    static GroupIdentityFile load(Path directory) throws IOException {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            GroupIdentityFile fresh = new GroupIdentityFile(UUID.randomUUID(), false);
            fresh.store(directory);
            return fresh;
        }
        String[] words = Files.readString(file).strip().split(" ", -1);
        if (words.length != 2 || !(words[1].equals("new") || words[1].equals("formatted"))) {
            throw new IOException(file + " is damaged: it should hold a UUID and 'new' or 'formatted'");
        }
        try {
            return new GroupIdentityFile(UUID.fromString(words[0]), words[1].equals("formatted"));
        } catch (IllegalArgumentException notAUuid) {
            throw new IOException(file + " is damaged: '" + words[0] + "' is not a UUID", notAUuid);
        }
    }

    GroupIdentityFile nowFormatted() {
        return new GroupIdentityFile(group, true);
    }

    /** Durable when it returns: the file, and its name in the directory. */
    void store(Path directory) throws IOException {
        DurableFile.write(directory, FILE, group + " " + (formatted ? "formatted" : "new") + "\n");
    }
}
