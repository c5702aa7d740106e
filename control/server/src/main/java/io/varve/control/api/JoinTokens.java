package io.varve.control.api;

import io.varve.identity.JoinToken;
import io.varve.identity.SecretFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * The join tokens that this node made and that nobody has used: one line each, hash, node, end. A file of this node and not a command of the metadata
 * group, because the second member joins before there is a majority. Blocking; one caller at a time.
 */
final class JoinTokens {
    /** Most that wait to be used; more are refused. */
    static final int MAX_WAITING = 256;

    private final Path file;

    JoinTokens(Path file) {
        this.file = file;
    }

    private record Waiting(String hash, String node, long endsMillis) {
        static Waiting parse(String line) {
            String[] fields = line.split(" ", -1);
            return new Waiting(fields[0], fields[1], Long.parseLong(fields[2]));
        }

        String line() {
            return hash + " " + node + " " + endsMillis + "\n";
        }
    }

    /** Remembers a new one; an older one for the same node is no longer good. False: too many wait. */
    synchronized boolean add(String secret, String node, Instant now, Instant end) throws IOException {
        List<Waiting> waiting = waiting(now);
        waiting.removeIf(other -> other.node.equals(node));
        if (waiting.size() >= MAX_WAITING) {
            return false;
        }
        waiting.add(new Waiting(JoinToken.hash(secret), node, end.toEpochMilli()));
        write(waiting);
        return true;
    }

    /** True once for each token, before its end, for the node that it was made for. Durable before it returns. */
    synchronized boolean use(String secret, String node, Instant now) throws IOException {
        List<Waiting> waiting = waiting(now);
        String hash = JoinToken.hash(secret);
        if (!waiting.removeIf(other -> other.hash.equals(hash) && other.node.equals(node))) {
            return false;
        }
        write(waiting);
        return true;
    }

    private List<Waiting> waiting(Instant now) throws IOException {
        List<Waiting> waiting = new ArrayList<>();
        if (Files.exists(file)) {
            Files.readAllLines(file).stream()
                    .map(Waiting::parse)
                    .filter(token -> now.toEpochMilli() < token.endsMillis)
                    .forEach(waiting::add);
        }
        return waiting;
    }

    private void write(List<Waiting> waiting) throws IOException {
        StringBuilder text = new StringBuilder();
        waiting.forEach(token -> text.append(token.line()));
        SecretFile.write(file, text.toString());
    }
}
