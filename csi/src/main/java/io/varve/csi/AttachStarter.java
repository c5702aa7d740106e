package io.varve.csi;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Starts {@code varve attach} so that it outlives the driver. Blocking. */
public interface AttachStarter {
    /**
     * Starts one attach, and does not wait until it serves.
     *
     * @param arguments the volume and its places; servers and credentials are the starter's
     * @param log where its output goes, replaced
     * @throws IOException it was not started
     */
    void start(List<String> arguments, Path log) throws IOException;
}
