package io.varve.dataplane.frontend.nbd;

import io.varve.dataplane.volume.Volume;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The clients that said who they are ({@link ExportName}). One of them has one connection: when it opens another, the older one takes no
 * more requests, and the new one is let in when everything that the volume took from the older one has ended. So a write that was left in
 * a dead connection can never be executed after its repetition, and after a newer write.
 *
 * <p>Confined to the loop. Bounded by the limit of connections, twice: a client has at most one connection and, before it is let in, the
 * rest of one.
 */
final class NbdClients {
    private final Map<Key, NbdClient> clients = new HashMap<>();

    /** The volume by identity: what an earlier attachment took is of another epoch, and fenced. */
    private record Key(Volume volume, String name) {}

    /** Makes {@code connection} the client's only one; {@link NbdConnection#letIn} comes, at once or when the older one's requests have ended. */
    NbdClient claim(NbdConnection connection, Volume volume, String name) {
        Key key = new Key(volume, name);
        NbdClient client = clients.computeIfAbsent(key, NbdClient::new);
        client.take(connection);
        return client;
    }

    /** Connections and rests of connections; for tests. */
    int size() {
        return clients.size();
    }

    /** One client of one volume. */
    final class NbdClient {
        private final Key key;
        private @Nullable NbdConnection current;
        /** Of an older connection: takes nothing any more, and requests of it are still in the volume. */
        private @Nullable NbdSession rest;

        private NbdClient(Key key) {
            this.key = key;
        }

        private void take(NbdConnection connection) {
            NbdConnection older = current;
            current = connection;
            if (older != null) {
                rest(older.supersede());
            }
            letInWhenAlone();
        }

        private void rest(@Nullable NbdSession session) {
            if (session != null && session.inFlight() > 0) {
                rest = session;
                session.onIdle(this::ended);
            }
        }

        private void ended() {
            rest = null;
            letInWhenAlone();
            forgetWhenEmpty();
        }

        private void letInWhenAlone() {
            if (current != null && rest == null) {
                current.letIn();
            }
        }

        /** The connection is closed; requests of its session may still be in the volume. */
        void left(NbdConnection connection, @Nullable NbdSession session) {
            if (current == connection) {
                current = null;
                rest(session);
                forgetWhenEmpty();
            }
        }

        private void forgetWhenEmpty() {
            if (current == null && rest == null) {
                clients.remove(key, this);
            }
        }
    }
}
