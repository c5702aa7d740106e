package io.varve.csi;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process that does nothing but start attaches for the driver, which is in another container: what a container started ends with it (decision 0080). One
 * connection is one request, a line of JSON, and its answer: an empty line, or why not.
 */
public final class AttachHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AttachHost.class);
    private static final int MAX_MESSAGE_BYTES = 64 << 10;

    private record Request(
            @Nullable List<String> arguments, @Nullable String log) {}

    private final Path socket;
    private final AttachStarter starter;
    private final ServerSocketChannel channel;

    /** Listens, and answers once {@link #serve} runs. Whoever may open the socket may start attaches: only its owner. */
    public AttachHost(Path socket, AttachStarter starter) throws IOException {
        this.socket = socket;
        this.starter = starter;
        Path directory = socket.toAbsolutePath().getParent();
        if (directory != null) {
            Files.createDirectories(directory);
        }
        Files.deleteIfExists(socket);
        this.channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        channel.bind(UnixDomainSocketAddress.of(socket));
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
    }

    /** Until {@link #close}. */
    public void serve() throws IOException {
        while (true) {
            SocketChannel caller;
            try {
                caller = channel.accept();
            } catch (ClosedChannelException closed) {
                return;
            }
            Thread.ofVirtual().name("attach-request").start(() -> answer(caller));
        }
    }

    private void answer(SocketChannel caller) {
        try (caller) {
            write(caller, carriedOut(read(caller)) + "\n");
        } catch (IOException e) {
            LOG.warn("attach request lost reason=\"{}\"", e.getMessage());
        }
    }

    /** Why not; empty: done. */
    private String carriedOut(String line) {
        try {
            Request request = new Gson().fromJson(line, Request.class);
            if (request == null || request.arguments == null || request.log == null) {
                return "a request without arguments or log";
            }
            starter.start(request.arguments, Path.of(request.log));
            LOG.info("attach started volume={} log={}", request.arguments.getFirst(), request.log);
            return "";
        } catch (IOException | JsonParseException e) {
            LOG.warn("attach not started reason=\"{}\"", e.getMessage());
            return String.valueOf(e.getMessage()).replace('\n', ' ');
        }
    }

    private static String read(SocketChannel from) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(MAX_MESSAGE_BYTES);
        while (buffer.hasRemaining() && from.read(buffer) >= 0) {
            if (buffer.position() > 0 && buffer.get(buffer.position() - 1) == '\n') {
                break;
            }
        }
        return new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8).strip();
    }

    private static void write(SocketChannel to, String line) throws IOException {
        ByteBuffer rest = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
        while (rest.hasRemaining()) {
            to.write(rest);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
            Files.deleteIfExists(socket);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The driver's side.
     *
     * @param socket of the host
     */
    public record Client(Path socket) implements AttachStarter {
        @Override
        public void start(List<String> arguments, Path log) throws IOException {
            String answer;
            try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
                write(host, new Gson().toJson(new Request(List.copyOf(arguments), log.toString())) + "\n");
                answer = read(host);
            } catch (IOException e) {
                throw new IOException("the attach host does not answer on " + socket + ": " + e.getMessage(), e);
            }
            if (!answer.isEmpty()) {
                throw new IOException("the attach host refused: " + answer);
            }
        }
    }
}
