package io.varve.cli.attach;

import com.google.gson.Gson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * What a running {@code varve attach --state} tells other programs.
 *
 * @param sizeBytes of the device
 * @param pid of the attach
 */
record AttachState(String volume, String device, long sizeBytes, long pid) {
    /** Whole or not at all: readers come at any time. */
    void write(Path file) throws IOException {
        var fresh = Path.of(file + ".new");
        Files.writeString(fresh, new Gson().toJson(this) + "\n");
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
