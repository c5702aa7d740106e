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
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What NodeStageVolume was asked for, kept beside the attach until NodeUnstageVolume: written before anything is done, so that a step that was killed in
 * its middle is undone or done again.
 *
 * @param fsType empty: a raw block device
 * @param publication under which it is staged, by the epoch that it took; 0: the cluster has not been told yet
 * @param targets where a raw device was published: its node is seen there also when the device has gone, or is another volume's
 */
record StagedVolume(
        String volume,
        String stagingPath,
        String fsType,
        boolean readOnly,
        boolean onePodOnly,
        int publication,
        List<String> targets) {
    private static final String SUFFIX = ".staged";

    private static Path file(Path directory, String volume) {
        return directory.resolve(volume + SUFFIX);
    }

    StagedVolume(String volume, String stagingPath, String fsType, boolean readOnly, boolean onePodOnly) {
        this(volume, stagingPath, fsType, readOnly, onePodOnly, 0, List.of());
    }

    StagedVolume {
        targets = List.copyOf(Objects.requireNonNullElse(targets, List.of())); // a file of before has none
    }

    StagedVolume under(int newPublication) {
        return new StagedVolume(volume, stagingPath, fsType, readOnly, onePodOnly, newPublication, targets);
    }

    StagedVolume with(String target) {
        return at(Stream.concat(targets.stream(), Stream.of(target)).distinct().toList());
    }

    StagedVolume without(String target) {
        return at(targets.stream().filter(each -> !each.equals(target)).toList());
    }

    private StagedVolume at(List<String> newTargets) {
        return new StagedVolume(volume, stagingPath, fsType, readOnly, onePodOnly, publication, newTargets);
    }

    /** Whether the same was asked for. */
    boolean isLike(StagedVolume other) {
        return under(0).at(List.of()).equals(other.under(0).at(List.of()));
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

    /** Of this machine, as far as they can be read. */
    static List<StagedVolume> all(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(SUFFIX))
                    .map(name -> read(directory, name.substring(0, name.length() - SUFFIX.length())))
                    .flatMap(Optional::stream)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
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
