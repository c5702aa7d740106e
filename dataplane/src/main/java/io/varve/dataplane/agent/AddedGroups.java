package io.varve.dataplane.agent;

import io.varve.dataplane.disk.DeviceClass;
import java.io.IOException;
import java.io.Reader;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * Disk groups that were added to a running node, remembered in its data directory so that the next start opens them too: one file {@code added}
 * per group, beside its index. Blocking: on a worker, or before anything is served.
 */
public final class AddedGroups {
    private static final String FILE = "added";

    private final Path groups;

    public AddedGroups(Path dataDirectory) {
        this.groups = dataDirectory.resolve("groups");
    }

    /** In order of their names. */
    public List<GroupConfig> load() throws IOException {
        List<GroupConfig> found = new ArrayList<>();
        if (!Files.isDirectory(groups)) {
            return found;
        }
        List<Path> directories;
        try (Stream<Path> children = Files.list(groups)) {
            directories = children.filter(child -> Files.exists(child.resolve(FILE)))
                    .sorted()
                    .toList();
        }
        for (Path directory : directories) {
            found.add(read(directory.resolve(FILE), String.valueOf(directory.getFileName())));
        }
        return found;
    }

    /** Durable when it returns. */
    public void remember(GroupConfig group) throws IOException {
        GroupConfig.Device device = group.devices().getFirst();
        Properties properties = new Properties();
        properties.setProperty("journalBytes", Long.toString(group.journalBytes()));
        properties.setProperty("path", device.path().toString());
        properties.setProperty("createBytes", Long.toString(device.createBytes()));
        device.deviceClass().ifPresent(known -> properties.setProperty("class", known.name()));
        StringWriter text = new StringWriter();
        properties.store(text, "made by 'varve disk add'");
        DurableFile.write(groups.resolve(group.name()), FILE, text.toString());
    }

    private static GroupConfig read(Path file, String name) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        }
        String path = properties.getProperty("path");
        String journal = properties.getProperty("journalBytes");
        if (path == null || journal == null) {
            throw new IOException(file + " is damaged: it should name a path and journalBytes");
        }
        try {
            Optional<DeviceClass> deviceClass = Optional.ofNullable(properties.getProperty("class"))
                    .map(known -> DeviceClass.valueOf(known.toUpperCase(Locale.ROOT)));
            long create = Long.parseLong(properties.getProperty("createBytes", "0"));
            return new GroupConfig(
                    name,
                    Long.parseLong(journal),
                    List.of(new GroupConfig.Device(Path.of(path), deviceClass, create, false, false)));
        } catch (IllegalArgumentException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }
}
