package io.varve.cli.support;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;

/**
 * A support bundle that is being written: texts without secrets, what is missing, and a table of contents as its last file. It bears its name only
 * when it is whole, and only its owner may read it. Confined to one thread.
 */
public final class BundleFile implements AutoCloseable {
    /** Of all files, before compression; what comes later is named as missing. A node gives at most about 30 MiB. */
    static final long MAX_BYTES = 1L << 30;

    private final Path target;
    private final Path unfinished;
    private final String directory;
    private final Instant time;
    private final Redaction redaction;
    private final OutputStream out;
    private final TarArchive archive;
    private final List<String> contents = new ArrayList<>();
    private final List<String> missing = new ArrayList<>();
    private final long limit;
    private long bytes;
    private boolean finished;

    private BundleFile(Path target, Path unfinished, String directory, Instant time, Redaction redaction, long limit)
            throws IOException {
        this.target = target;
        this.unfinished = unfinished;
        this.directory = directory;
        this.time = time;
        this.redaction = redaction;
        this.limit = limit;
        this.out = new GZIPOutputStream(new BufferedOutputStream(Files.newOutputStream(unfinished)));
        this.archive = new TarArchive(out, time.getEpochSecond());
    }

    /**
     * Begins a bundle.
     *
     * @param directory in which all files lie in the archive
     */
    public static BundleFile create(Path target, String directory, Instant time, Redaction redaction)
            throws IOException {
        return create(target, directory, time, redaction, MAX_BYTES);
    }

    static BundleFile create(Path target, String directory, Instant time, Redaction redaction, long limit)
            throws IOException {
        var name = target.getFileName();
        if (name == null) {
            throw new IOException("it is a directory");
        }
        var unfinished = target.resolveSibling(name + ".unfinished");
        Files.deleteIfExists(unfinished);
        Files.createFile(
                unfinished, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        return new BundleFile(target, unfinished, directory, time, redaction, limit);
    }

    /** Adds a text, without its secrets. */
    public void add(String name, String about, String text) throws IOException {
        var content = redaction.of(text).getBytes(StandardCharsets.UTF_8);
        if (bytes + content.length > limit) {
            missing(name + ": the bundle would be larger than " + (limit >> 20) + " MiB");
            return;
        }
        bytes += content.length;
        archive.add(directory + "/" + name, content);
        contents.add("%-40s %10d  %s".formatted(name, content.length, about));
    }

    /** Something that should be in it, and why it is not. */
    public void missing(String what) {
        missing.add(redaction.of(what));
    }

    public List<String> missing() {
        return List.copyOf(missing);
    }

    /** Writes the table of contents and gives the file its name. */
    public void finish() throws IOException {
        var text =
                new StringBuilder("Varve support bundle, written ").append(time).append("\n\n");
        text.append("Secrets are left out, see docs/operating/support-bundle.md. No data of volumes is in it.\n\n");
        text.append("%-40s %10s  %s%n".formatted("FILE", "BYTES", "WHAT"));
        contents.forEach(line -> text.append(line).append('\n'));
        text.append(missing.isEmpty() ? "\nNothing is missing.\n" : "\nMissing:\n");
        missing.forEach(line -> text.append("  ").append(line).append('\n'));
        archive.add(directory + "/CONTENTS.txt", text.toString().getBytes(StandardCharsets.UTF_8));
        archive.close();
        out.close();
        Files.move(unfinished, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        finished = true;
    }

    /** Of the finished file. */
    public long writtenBytes() throws IOException {
        return Files.size(target);
    }

    @Override
    public void close() throws IOException {
        if (!finished) {
            out.close();
            Files.deleteIfExists(unfinished);
        }
    }
}
