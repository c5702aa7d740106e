package io.varve.dataplane.agent;

import io.varve.api.Volume;
import io.varve.api.VolumeLabel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the volumes are called of which this node has copies, in a file of its data directory: streams have numbers only, and when the metadata group is lost
 * nobody else knows names. Advice; nothing is served by it. Any thread; writing blocks: on a worker.
 */
public final class VolumeLabels {
    private static final Logger LOG = LoggerFactory.getLogger(VolumeLabels.class);

    private static final String FILE = "labels";

    /** id, size, replicas, name. */
    private static final int FIELDS = 4;

    private final Path directory;
    private final Map<Long, VolumeLabel> labels = new TreeMap<>();
    private long version;
    private long written;

    public VolumeLabels(Path dataDirectory) {
        this.directory = dataDirectory;
    }

    /** Reads the file; a line that makes no sense is left out, since a name is worth less than a start. Blocking. */
    public void load() throws IOException {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            return;
        }
        for (String line : Files.readAllLines(file)) {
            String[] fields = line.split(" ", FIELDS);
            try {
                VolumeLabel label = VolumeLabel.newBuilder()
                        .setVolume(Long.parseLong(fields[0]))
                        .setSizeBytes(Long.parseLong(fields[1]))
                        .setReplicas(Integer.parseInt(fields[2]))
                        .setName(fields[3])
                        .build();
                synchronized (this) {
                    labels.put(label.getVolume(), label);
                }
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
                LOG.warn("volume label left out file={} line=\"{}\"", file, line);
            }
        }
    }

    /** Of others nothing is here any more. */
    public synchronized void keepOnly(Set<Long> volumes) {
        if (labels.keySet().retainAll(volumes)) {
            version++;
        }
    }

    /** Whether something changed, and is to be written. */
    public synchronized boolean follow(List<Volume> volumes) {
        for (Volume volume : volumes) {
            VolumeLabel label = VolumeLabel.newBuilder()
                    .setVolume(volume.getId())
                    .setName(volume.getName())
                    .setSizeBytes(volume.getSizeBytes())
                    .setReplicas(volume.getReplicas())
                    .build();
            if (!label.equals(labels.put(volume.getId(), label))) {
                version++;
            }
        }
        return version != written;
    }

    public synchronized Collection<VolumeLabel> all() {
        return List.copyOf(labels.values());
    }

    /** Durable when it returns. */
    public void write() throws IOException {
        long writing;
        StringBuilder text = new StringBuilder();
        synchronized (this) {
            writing = version;
            labels.values()
                    .forEach(label -> text.append(label.getVolume())
                            .append(' ')
                            .append(label.getSizeBytes())
                            .append(' ')
                            .append(label.getReplicas())
                            .append(' ')
                            .append(label.getName())
                            .append('\n'));
        }
        DurableFile.write(directory, FILE, text.toString());
        synchronized (this) {
            written = writing;
        }
    }
}
