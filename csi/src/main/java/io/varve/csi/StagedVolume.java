package io.varve.csi;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * What NodeStageVolume was asked for, kept beside the attach until NodeUnstageVolume: written before anything is done, so that a step that was killed in
 * its middle is undone or done again.
 *
 * @param fsType empty: a raw block device
 */
record StagedVolume(String volume, String stagingPath, String fsType, boolean readOnly, boolean onePodOnly) {
    private static Path file(Path directory, String volume) {
        return directory.resolve(volume + ".staged");
    }

    boolean isBlock() {
        return fsType.isEmpty();
    }

    void write(Path directory) {
        Path file = file(directory, volume);
        Path fresh = Path.of(file + ".new");
        try {
            Files.createDirectories(directory);
            try (FileChannel channel = FileChannel.open(
                    fresh, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
                ByteBuffer text = StandardCharsets.UTF_8.encode(new Gson().toJson(this) + "\n");
                while (text.hasRemaining()) {
                    channel.write(text);
                }
                channel.force(true);
            }
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            sync(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Optional<StagedVolume> read(Path directory, String volume) {
        try {
            Path file = file(directory, volume);
            return Files.exists(file)
                    ? Optional.ofNullable(new Gson().fromJson(Files.readString(file), StagedVolume.class))
                    : Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (JsonParseException e) {
            return Optional.empty(); // Damaged; the next unstage tells the cluster all the same.
        }
    }

    static void remove(Path directory, String volume) {
        try {
            if (Files.deleteIfExists(file(directory, volume))) {
                sync(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void sync(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
