package io.varve.cli.attach;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * An NBD target over a volume in memory whose connections die where a test wants it, written from the protocol document with numbers of its own. One
 * request at a time for a connection. It keeps the rule of {@code VOLUME@CLIENT}: a new connection ends the older one first.
 */
final class MortalTarget implements AutoCloseable {
    /** Where a connection ends. */
    enum Death {
        NEVER,
        BEFORE_GREETING,
        IN_HANDSHAKE,
        AFTER_ENTRY,
        /** The header of a request has come. */
        IN_REQUEST,
        /** All of a request has come, and nothing was done. */
        BEFORE_EXECUTION,
        /** It was done, and nothing said. */
        AFTER_EXECUTION,
        IN_REPLY,
        /** Not a death: says that the volume is gone. */
        SHUT_DOWN,
        /** Not a death, and the next two: says so. */
        OUT_OF_SPACE,
        BROKEN,
        /** Not a death: says nothing more. */
        SILENCE,
        /** Not a death: lets nobody in, by policy. */
        FORBIDDEN
    }

    /** What one connection does: so many requests, then its death. */
    record Fate(int requests, Death death) {
        static final Fate GOOD = new Fate(Integer.MAX_VALUE, Death.NEVER);
    }

    /** A write as it was executed. */
    record Executed(long offset, byte first) {}

    static final int SIZE = 4 << 20;
    static final int FLAGS = 0x1 | 0x4 | 0x8 | 0x20 | 0x40;

    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final Supplier<Fate> fates;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    final byte[] bytes;
    final List<Executed> writes = new ArrayList<>();
    volatile int size = SIZE;
    private volatile boolean isDead;
    final AtomicInteger connections = new AtomicInteger();

    /** @param bytes the volume, which several targets may share as several nodes do */
    MortalTarget(byte[] bytes, Supplier<Fate> fates) throws IOException {
        this.bytes = bytes;
        this.fates = fates;
        Thread.ofVirtual().start(this::accept);
    }

    int port() {
        return server.getLocalPort();
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = server.accept();
                socket.setTcpNoDelay(true);
                List<Socket> older = List.copyOf(sockets);
                sockets.add(socket);
                if (isDead) { // A connection can still be taken while the socket that listens is being closed.
                    socket.close();
                    return;
                }
                connections.incrementAndGet();
                Thread.ofVirtual().start(() -> serve(socket, older));
            }
        } catch (IOException closed) {
            // The end of the test.
        }
    }

    private void serve(Socket socket, List<Socket> older) {
        Fate fate = fates.get();
        try (socket) {
            DataInputStream in = new DataInputStream(new BufferedInputStream(socket.getInputStream()));
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            if (fate.death() != Death.BEFORE_GREETING && handshake(in, out, fate, older)) {
                transmit(socket, in, out, fate);
            }
        } catch (IOException gone) {
            // The other side has closed, or a newer connection has closed this one.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            sockets.remove(socket);
        }
    }

    private boolean handshake(DataInputStream in, DataOutputStream out, Fate fate, List<Socket> older)
            throws IOException {
        out.writeLong(0x4e42444d41474943L);
        out.writeLong(0x49484156454F5054L);
        out.writeShort(3);
        in.readInt();
        while (true) {
            in.readLong();
            int option = in.readInt();
            byte[] data = in.readNBytes(in.readInt());
            if (option == 7) {
                if (fate.death() == Death.IN_HANDSHAKE) {
                    return false;
                }
                if (fate.death() == Death.FORBIDDEN) {
                    optionReply(out, option, 0x80000002, "another's".getBytes(StandardCharsets.UTF_8));
                    continue;
                }
                for (Socket each : older) {
                    each.close();
                }
                int nameBytes = data[3];
                if (!new String(data, 4, nameBytes, StandardCharsets.UTF_8).equals("db@me")) {
                    optionReply(out, option, 0x80000006, new byte[0]);
                    continue;
                }
                ByteArrayOutputStream info = new ByteArrayOutputStream();
                DataOutputStream to = new DataOutputStream(info);
                to.writeShort(0);
                to.writeLong(size);
                to.writeShort(FLAGS);
                optionReply(out, option, 3, info.toByteArray());
            }
            optionReply(out, option, 1, new byte[0]);
            if (option == 7) {
                return fate.death() != Death.AFTER_ENTRY;
            }
        }
    }

    private static void optionReply(DataOutputStream out, int option, int type, byte[] data) throws IOException {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        DataOutputStream to = new DataOutputStream(whole);
        to.writeLong(0x3e889045565a9L);
        to.writeInt(option);
        to.writeInt(type);
        to.writeInt(data.length);
        to.write(data);
        out.write(whole.toByteArray());
    }

    private void transmit(Socket socket, DataInputStream in, DataOutputStream out, Fate fate)
            throws IOException, InterruptedException {
        for (int done = 0; ; done++) {
            boolean last = done >= fate.requests();
            Death death = last ? fate.death() : Death.NEVER;
            in.readInt();
            in.readUnsignedShort();
            int command = in.readUnsignedShort();
            long cookie = in.readLong();
            long offset = in.readLong();
            int length = in.readInt();
            if (death == Death.IN_REQUEST) {
                return;
            }
            byte[] data = command == 1 ? in.readNBytes(length) : new byte[0];
            if (death == Death.BEFORE_EXECUTION || command == 2) {
                return;
            }
            if (death == Death.SILENCE) {
                Thread.sleep(60_000);
            }
            byte[] reply = switch (death) {
                case SHUT_DOWN -> error(cookie, 108);
                case OUT_OF_SPACE -> error(cookie, 28);
                case BROKEN -> error(cookie, 5);
                default -> execute(socket, command, cookie, offset, length, data);
            };
            if (death == Death.AFTER_EXECUTION) {
                return;
            }
            if (death == Death.IN_REPLY) {
                out.write(reply, 0, reply.length / 2);
                return;
            }
            out.write(reply);
        }
    }

    private byte[] execute(Socket socket, int command, long cookie, long offset, int length, byte[] data)
            throws IOException {
        synchronized (bytes) {
            if (socket.isClosed()) {
                throw new IOException("a newer connection has come"); // The rule of VOLUME@CLIENT.
            }
            ByteArrayOutputStream whole = new ByteArrayOutputStream();
            DataOutputStream to = new DataOutputStream(whole);
            switch (command) {
                case 0 -> {
                    chunk(to, 1, cookie, 8 + length);
                    to.writeLong(offset);
                    to.write(bytes, (int) offset, length);
                }
                case 1 -> {
                    System.arraycopy(data, 0, bytes, (int) offset, length);
                    writes.add(new Executed(offset, data[0]));
                    simple(to, cookie);
                }
                case 6 -> {
                    java.util.Arrays.fill(bytes, (int) offset, (int) offset + length, (byte) 0);
                    simple(to, cookie);
                }
                case 7 -> {
                    chunk(to, 5, cookie, 4 + 16);
                    to.writeInt(1);
                    to.writeInt(length / 2);
                    to.writeInt(0);
                    to.writeInt(length - length / 2);
                    to.writeInt(3);
                }
                default -> simple(to, cookie);
            }
            return whole.toByteArray();
        }
    }

    private static void simple(DataOutputStream to, long cookie) throws IOException {
        to.writeInt(0x67446698);
        to.writeInt(0);
        to.writeLong(cookie);
    }

    static byte[] error(long cookie, int error) throws IOException {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        DataOutputStream to = new DataOutputStream(whole);
        chunk(to, 0x8001, cookie, 6);
        to.writeInt(error);
        to.writeShort(0);
        return whole.toByteArray();
    }

    private static void chunk(DataOutputStream to, int type, long cookie, int length) throws IOException {
        to.writeInt(0x668e33ef);
        to.writeShort(1);
        to.writeShort(type);
        to.writeLong(cookie);
        to.writeInt(length);
    }

    @Override
    public void close() throws IOException {
        die();
    }

    void dropConnections() throws IOException {
        for (Socket socket : sockets) {
            socket.close();
        }
    }

    /** Nobody listens any more, and all connections are reset. */
    void die() throws IOException {
        isDead = true;
        server.close();
        dropConnections();
    }
}
