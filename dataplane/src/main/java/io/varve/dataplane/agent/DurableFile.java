package io.varve.dataplane.agent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** A small text file that is old or new and never anything else, whenever the power fails. Blocking: on a worker, or before anything is served. */
public final class DurableFile {
    private DurableFile() {}

    /**
     * Replaces the file: the new text under another name, synced; then the name; then the directory, synced. Durable when it returns.
     *
     * @param directory made when it is missing
     */
    public static void write(Path directory, String name, String text) throws IOException {
        Files.createDirectories(directory);
        Path next = directory.resolve(name + ".new");
        try (FileChannel channel = FileChannel.open(
                next, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer rest = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
            while (rest.hasRemaining()) {
                channel.write(rest);
            }
            channel.force(true);
        }
        Files.move(next, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
