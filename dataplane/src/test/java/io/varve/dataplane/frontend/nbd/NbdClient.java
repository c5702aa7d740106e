package io.varve.dataplane.frontend.nbd;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A raw NBD client for tests, written from the protocol document with numbers of its own, so that a wrong constant of the target does not
 * confirm itself. It can say things that no decent client would.
 */
final class NbdClient implements AutoCloseable {
    static final int READ = 0;
    static final int WRITE = 1;
    static final int DISC = 2;
    static final int FLUSH = 3;
    static final int TRIM = 4;
    static final int CACHE = 5;
    static final int WRITE_ZEROES = 6;
    static final int BLOCK_STATUS = 7;

    static final int ACK = 1;
    static final int ERR_UNSUP = 0x80000001;
    static final int ERR_POLICY = 0x80000002;
    static final int ERR_INVALID = 0x80000003;
    static final int ERR_UNKNOWN = 0x80000006;
    static final int ERR_TOO_BIG = 0x80000009;

    /** One option reply. */
    record OptionReply(int option, int type, ByteBuffer data) {
        String text() {
            return StandardCharsets.UTF_8.decode(data.duplicate()).toString();
        }
    }

    /** One reply of the transmission phase: a simple one has type -1 and, for a READ, its data still to be read. */
    record Reply(long cookie, int type, int error, boolean done, ByteBuffer payload) {
        boolean isSimple() {
            return type < 0;
        }
    }

    private static final int TIMEOUT_MILLIS = 20_000;

    final Socket socket = new Socket();
    final DataInputStream in;
    final DataOutputStream out;
    boolean structured;
    long exportBytes;
    int transmissionFlags;
    private long nextCookie = 0x1122_3344_5566_0000L;

    NbdClient(int port) throws IOException {
        this(port, 0);
    }

    /** {@code receiveBytes}: a small socket buffer, for a client that reads slowly; 0 leaves it to the kernel. */
    NbdClient(int port, int receiveBytes) throws IOException {
        if (receiveBytes > 0) {
            socket.setReceiveBufferSize(receiveBytes);
        }
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 16));
        out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), 1 << 16));
    }

    /** Reads the greeting and says fixed newstyle, no zeroes. */
    void handshake() throws IOException {
        handshake(3);
    }

    void handshake(int clientFlags) throws IOException {
        greeting();
        out.writeInt(clientFlags);
        out.flush();
    }

    int greeting() throws IOException {
        long magic = in.readLong();
        long optionMagic = in.readLong();
        if (magic != 0x4e42444d41474943L || optionMagic != 0x49484156454F5054L) {
            throw new IOException("not a newstyle greeting: " + Long.toHexString(magic));
        }
        return in.readUnsignedShort();
    }

    void sendOption(int option, byte[] data) throws IOException {
        sendOptionHeader(option, data.length);
        out.write(data);
        out.flush();
    }

    void sendOptionHeader(int option, int length) throws IOException {
        out.writeLong(0x49484156454F5054L);
        out.writeInt(option);
        out.writeInt(length);
        out.flush();
    }

    OptionReply optionReply() throws IOException {
        long magic = in.readLong();
        if (magic != 0x3e889045565a9L) {
            throw new IOException("not an option reply: " + Long.toHexString(magic));
        }
        int option = in.readInt();
        int type = in.readInt();
        return new OptionReply(option, type, ByteBuffer.wrap(in.readNBytes(in.readInt())));
    }

    /** Sends an option and reads its replies up to ACK or an error; notes structured replies. */
    List<OptionReply> option(int option, byte[] data) throws IOException {
        sendOption(option, data);
        List<OptionReply> replies = new ArrayList<>();
        do {
            replies.add(optionReply());
        } while (replies.getLast().type != ACK && replies.getLast().type > 0);
        if (option == 8 && replies.getLast().type == ACK) {
            structured = true;
        }
        return replies;
    }

    static byte[] goData(String name, int... kinds) {
        return bytes(data -> {
            byte[] utf = name.getBytes(StandardCharsets.UTF_8);
            data.writeInt(utf.length);
            data.write(utf);
            data.writeShort(kinds.length);
            for (int kind : kinds) {
                data.writeShort(kind);
            }
        });
    }

    static byte[] metaData(String name, String... queries) {
        return bytes(data -> {
            byte[] utf = name.getBytes(StandardCharsets.UTF_8);
            data.writeInt(utf.length);
            data.write(utf);
            data.writeInt(queries.length);
            for (String query : queries) {
                data.writeInt(query.length());
                data.writeBytes(query);
            }
        });
    }

    interface Writing {
        void to(DataOutputStream data) throws IOException;
    }

    static byte[] bytes(Writing writing) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            writing.to(new DataOutputStream(bytes));
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
        return bytes.toByteArray();
    }

    List<OptionReply> go(String name) throws IOException {
        List<OptionReply> replies = option(7, goData(name));
        noteExport(replies);
        return replies;
    }

    private void noteExport(List<OptionReply> replies) {
        for (OptionReply reply : replies) {
            if (reply.type == 3) {
                ByteBuffer data = reply.data.duplicate();
                if (data.getShort() == 0) {
                    exportBytes = data.getLong();
                    transmissionFlags = data.getShort();
                }
            }
        }
    }

    long newCookie() {
        return nextCookie++;
    }

    void sendHeader(int flags, int command, long cookie, long offset, int length) throws IOException {
        out.writeInt(0x25609513);
        out.writeShort(flags);
        out.writeShort(command);
        out.writeLong(cookie);
        out.writeLong(offset);
        out.writeInt(length);
    }

    long send(int flags, int command, long offset, int length) throws IOException {
        long cookie = newCookie();
        sendHeader(flags, command, cookie, offset, length);
        out.flush();
        return cookie;
    }

    long sendWrite(long offset, byte[] data) throws IOException {
        long cookie = newCookie();
        sendHeader(0, WRITE, cookie, offset, data.length);
        out.write(data);
        out.flush();
        return cookie;
    }

    Reply reply() throws IOException {
        int magic = in.readInt();
        if (magic == 0x67446698) {
            int error = in.readInt();
            return new Reply(in.readLong(), -1, error, true, ByteBuffer.allocate(0));
        }
        if (magic != 0x668e33ef) {
            throw new IOException("not a reply: " + Integer.toHexString(magic));
        }
        int flags = in.readUnsignedShort();
        int type = in.readUnsignedShort();
        long cookie = in.readLong();
        ByteBuffer payload = ByteBuffer.wrap(in.readNBytes(in.readInt()));
        int error = (type & 0x8000) != 0 ? payload.getInt(0) : 0;
        return new Reply(cookie, type, error, (flags & 1) != 0, payload);
    }

    /** The error of a command without data in its reply. */
    int call(int flags, int command, long offset, int length) throws IOException {
        long cookie = send(flags, command, offset, length);
        return errorOf(cookie);
    }

    int errorOf(long cookie) throws IOException {
        Reply reply = reply();
        if (reply.cookie != cookie) {
            throw new IOException("a reply to something else: " + Long.toHexString(reply.cookie));
        }
        return reply.error;
    }

    int write(long offset, byte[] data) throws IOException {
        return errorOf(sendWrite(offset, data));
    }

    byte[] read(long offset, int length) throws IOException {
        return readReply(send(0, READ, offset, length), length);
    }

    /** The data of the next reply, which has to be that of {@code cookie}. */
    byte[] readReply(long cookie, int length) throws IOException {
        Reply reply = reply();
        if (reply.cookie != cookie || reply.error != 0) {
            throw new IOException("no data but " + reply);
        }
        if (reply.isSimple()) {
            return in.readNBytes(length);
        }
        byte[] data = new byte[reply.payload.remaining() - 8];
        reply.payload.get(8, data);
        return data;
    }

    /** True if the target has closed the connection, or does so now; throws away what it still says. */
    boolean isClosedByTarget() {
        try {
            var _ = in.transferTo(OutputStream.nullOutputStream());
            return true;
        } catch (SocketTimeoutException open) {
            return false;
        } catch (IOException reset) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
