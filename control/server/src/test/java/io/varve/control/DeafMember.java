package io.varve.control;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** What a process that was stopped, or a host that is off, looks like from elsewhere: its connections stand, and nothing ever comes back. */
final class DeafMember implements AutoCloseable {
    private final ServerSocket socket;
    private final List<Socket> callers = new ArrayList<>();

    /** Port 0: any. */
    DeafMember(int port) throws IOException {
        socket = new ServerSocket(port, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    private void accept() {
        try {
            while (true) {
                Socket caller = socket.accept();
                synchronized (callers) {
                    callers.add(caller);
                }
            }
        } catch (IOException closed) {
            // The end.
        }
    }

    int port() {
        return socket.getLocalPort();
    }

    /** How often somebody came. */
    int calls() {
        synchronized (callers) {
            return callers.size();
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
        synchronized (callers) {
            for (Socket caller : callers) {
                caller.close();
            }
        }
    }
}
