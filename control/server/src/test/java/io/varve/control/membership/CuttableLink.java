package io.varve.control.membership;

import io.varve.control.membership.MembershipConfig.Address;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** What stands between a node's port and the others: passes bytes on until it is cut, then ends every connection and takes none. */
final class CuttableLink implements AutoCloseable {
    private final Address target;
    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private volatile boolean cut;

    CuttableLink(Address target) throws IOException {
        this.target = target;
        threads.execute(this::accept);
    }

    Address address() {
        return new Address("127.0.0.1", server.getLocalPort());
    }

    void cut() {
        cut = true;
        open.forEach(CuttableLink::end);
    }

    void heal() {
        cut = false;
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket near = server.accept();
                open.add(near);
                threads.execute(() -> pass(near));
            } catch (IOException e) {
                return; // It was closed.
            }
        }
    }

    private void pass(Socket near) {
        try (near;
                Socket far = new Socket()) {
            open.add(far);
            if (cut) {
                return;
            }
            far.connect(new InetSocketAddress(target.host(), target.port()), 2_000);
            var back = threads.submit(() -> copy(far, near));
            copy(near, far);
            back.get();
            open.remove(far);
        } catch (IOException | InterruptedException | java.util.concurrent.ExecutionException e) {
            end(near); // One end is gone: so is the other.
        } finally {
            open.remove(near);
        }
    }

    private static void copy(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
        } catch (IOException e) {
            // Ended by the one or the other; both are, then.
        }
        end(from);
        end(to);
    }

    private static void end(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        open.forEach(CuttableLink::end);
        threads.shutdownNow();
    }
}
