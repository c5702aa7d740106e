package io.varve.cli.demo;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * A small NBD client for machines where the kernel cannot help: fixed newstyle handshake with {@code GO}, simple replies, one
 * request at a time. One thread at a time; several clients may be connected to one export.
 *
 * <p>Layouts and numbers are those of the NBD protocol's specification ({@code doc/proto.md}), sections "Fixed newstyle
 * negotiation" and "Transmission phase".
 */
final class NbdClient implements AutoCloseable {
    private static final long INIT_MAGIC = 0x4e42444d41474943L; // "NBDMAGIC"
    private static final long OPTION_MAGIC = 0x49484156454F5054L; // "IHAVEOPT"
    private static final long OPTION_REPLY_MAGIC = 0x3e889045565a9L;
    private static final int REQUEST_MAGIC = 0x25609513;
    private static final int REPLY_MAGIC = 0x67446698;
    private static final int FLAG_FIXED_NEWSTYLE = 1;
    private static final int FLAG_NO_ZEROES = 2;
    private static final int OPTION_GO = 7;
    private static final int REPLY_ACK = 1;
    private static final int REPLY_INFO = 3;
    private static final int INFO_EXPORT = 0;
    private static final int LONGEST_OPTION_REPLY = 64 << 10;
    private static final int COMMAND_READ = 0;
    private static final int COMMAND_WRITE = 1;
    private static final int COMMAND_DISCONNECT = 2;
    private static final int COMMAND_FLUSH = 3;
    private static final int DEFAULT_PORT = 10_809;
    private static final int CONNECT_MILLIS = 5_000;
    private static final int BUFFER_BYTES = 64 << 10;
    /** A volume waits this long for a copy that is gone before it fails a request; then a little longer. */
    private static final Duration REPLY_LIMIT = Duration.ofSeconds(90);

    private final Closeable socket;
    private final DataInputStream in;
    private final DataOutputStream out;
    private long sizeBytes;
    private long cookie;

    private NbdClient(Closeable socket, InputStream in, OutputStream out) {
        this.socket = socket;
        this.in = new DataInputStream(new BufferedInputStream(in, BUFFER_BYTES));
        this.out = new DataOutputStream(new BufferedOutputStream(out, BUFFER_BYTES));
    }

    /**
     * Connects to an export.
     *
     * @param uri {@code nbd://host:port/export} or {@code nbd+unix:///export?socket=path}
     * @throws IOException when the server cannot be reached, or refuses; the message says which
     */
    static NbdClient connect(String uri) throws IOException {
        var address = URI.create(uri);
        if ("nbd+unix".equals(address.getScheme())) {
            return connectHere(address);
        }
        var socket = new Socket();
        try {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout((int) REPLY_LIMIT.toMillis());
            var port = address.getPort() < 0 ? DEFAULT_PORT : address.getPort();
            socket.connect(new InetSocketAddress(address.getHost(), port), CONNECT_MILLIS);
            var client = new NbdClient(socket, socket.getInputStream(), socket.getOutputStream());
            client.negotiate(export(address));
            return client;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private static String export(URI address) {
        var path = address.getPath();
        return path.startsWith("/") ? path.substring(1) : path;
    }

    /** Without a limit of time: who serves this socket waits for the volume as long as it takes. */
    private static NbdClient connectHere(URI address) throws IOException {
        var query = String.valueOf(address.getQuery());
        if (!query.startsWith("socket=")) {
            throw new IOException(address + " names no socket");
        }
        var channel = SocketChannel.open(UnixDomainSocketAddress.of(query.substring("socket=".length())));
        try {
            var client = new NbdClient(channel, Channels.newInputStream(channel), Channels.newOutputStream(channel));
            client.negotiate(export(address));
            return client;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    private void negotiate(String export) throws IOException {
        if (in.readLong() != INIT_MAGIC || in.readLong() != OPTION_MAGIC) {
            throw new IOException("the server does not speak NBD's newstyle protocol");
        }
        var offered = in.readUnsignedShort();
        if ((offered & FLAG_FIXED_NEWSTYLE) == 0) {
            throw new IOException("the server speaks only the old newstyle protocol");
        }
        out.writeInt(offered & (FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES));
        var name = export.getBytes(StandardCharsets.UTF_8);
        out.writeLong(OPTION_MAGIC);
        out.writeInt(OPTION_GO);
        out.writeInt(4 + name.length + 2);
        out.writeInt(name.length);
        out.write(name);
        out.writeShort(0); // no information requests: size and flags come anyway
        out.flush();
        readOptionReplies(export);
    }

    private void readOptionReplies(String export) throws IOException {
        while (true) {
            if (in.readLong() != OPTION_REPLY_MAGIC || in.readInt() != OPTION_GO) {
                throw new IOException("the server's reply is not one to GO");
            }
            var type = in.readInt();
            var length = in.readInt();
            if (length < 0 || length > LONGEST_OPTION_REPLY) {
                throw new IOException("the server's reply is " + Integer.toUnsignedString(length) + " bytes long");
            }
            var data = in.readNBytes(length);
            if (type == REPLY_ACK) {
                return;
            }
            if (type < 0) {
                throw new IOException("the server refuses export '" + export + "': "
                        + (data.length == 0
                                ? "error " + (type & 0x7FFF_FFFF)
                                : new String(data, StandardCharsets.UTF_8)));
            }
            if (type == REPLY_INFO && length == 12 && data[0] == 0 && data[1] == INFO_EXPORT) {
                sizeBytes = java.nio.ByteBuffer.wrap(data).getLong(2);
            }
        }
    }

    long sizeBytes() {
        return sizeBytes;
    }

    /** Reads into all of {@code into}. */
    void read(long offsetBytes, byte[] into) throws IOException {
        request(COMMAND_READ, offsetBytes, into.length);
        out.flush();
        readReply("read at " + offsetBytes);
        in.readFully(into);
    }

    /** Writes all of {@code from}; durable when this returns, as every write of a volume is. */
    void write(long offsetBytes, byte[] from) throws IOException {
        request(COMMAND_WRITE, offsetBytes, from.length);
        out.write(from);
        out.flush();
        readReply("write at " + offsetBytes);
    }

    void flush() throws IOException {
        request(COMMAND_FLUSH, 0, 0);
        out.flush();
        readReply("flush");
    }

    private void request(int command, long offsetBytes, int length) throws IOException {
        out.writeInt(REQUEST_MAGIC);
        out.writeShort(0); // no command flags
        out.writeShort(command);
        out.writeLong(++cookie);
        out.writeLong(offsetBytes);
        out.writeInt(length);
    }

    private void readReply(String what) throws IOException {
        if (in.readInt() != REPLY_MAGIC) {
            throw new IOException(what + ": the server's reply is not a simple reply");
        }
        var error = in.readInt();
        if (in.readLong() != cookie) {
            throw new IOException(what + ": the server answers another request");
        }
        if (error != 0) {
            throw new IOException(what + " failed with error " + error);
        }
    }

    @Override
    public void close() throws IOException {
        try (socket) {
            request(COMMAND_DISCONNECT, 0, 0);
            out.flush();
        }
    }
}
