package io.varve.csi;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Starts an attach as a child of this process, in a session of its own.
 *
 * @param program {@code varve attach} with the servers and the credentials
 */
public record OwnSession(List<String> program) implements AttachStarter {
    public OwnSession {
        program = List.copyOf(program);
    }

    @Override
    public void start(List<String> arguments, Path log) throws IOException {
        List<String> command = new ArrayList<>(List.of("setsid"));
        command.addAll(program);
        command.addAll(arguments);
        new ProcessBuilder(command)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.to(log.toFile()))
                .start();
    }
}
